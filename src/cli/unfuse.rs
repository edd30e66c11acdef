//! `phasor unfuse`: expand fused nodes, verify, write.

use std::path::PathBuf;

use crate::Destination;
use crate::report::{UnfusedVerdict, text};
use clap::Args;

use super::console::remark;
use super::progress::Spinner;
use super::verify::Comparison;
use super::{Ending, Format, print_json, streams};

/// Expands fused nodes back to standard ONNX operators and verifies the result
///
/// Every node of the domain `ai.phasor` is replaced by its definition in standard operators. If there is none, the output is a
/// byte-for-byte copy of the input.
#[derive(Args)]
pub(super) struct Unfuse {
    /// Model to expand (.onnx); `-` for standard input
    input: PathBuf,
    /// Where to write the expanded model; `-` for standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Overwrite OUT if it exists, even if it is the input
    #[arg(long)]
    force: bool,
    /// Skip the comparison of the expanded model with the fused one
    #[arg(long)]
    no_verify: bool,
    /// Write nothing unless the models were compared and agree (exit code 1 otherwise)
    #[arg(long, conflicts_with = "no_verify")]
    require_verified: bool,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    comparison: Comparison,
}

impl Unfuse {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let mut comparison = self.comparison.options()?;
        comparison.required = self.require_verified;
        let verify = (!self.no_verify).then_some(comparison);
        let destination = match streams::is_stream(&self.output) {
            true => {
                streams::check_output(self.format)?;
                Destination::Memory
            }
            false => Destination::File {
                path: &self.output,
                force: self.force,
            },
        };
        let model = streams::open(&self.input)?;
        let report = crate::unfuse_and_report(
            &model,
            destination,
            verify.as_ref(),
            &mut Spinner::new(self.format),
            &mut |report| match self.format {
                Format::Json => print_json(report),
                Format::Text => Ok(()),
            },
        )?;
        if self.format == Format::Text {
            remark(&text::unfuse(&report));
        }
        if let Some(model) = &report.bytes {
            streams::write(model)?;
        }
        Ok(match report.verdict {
            UnfusedVerdict::Unfused | UnfusedVerdict::NothingToUnfuse => Ending::Good,
            UnfusedVerdict::Differs | UnfusedVerdict::NotVerified => Ending::Negative,
        })
    }
}
