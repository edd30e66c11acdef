//! `phasor unfuse`: expand fused nodes, verify, write.

use std::path::PathBuf;

use crate::report::{UnfusedVerdict, text};
use crate::{Destination, Model};
use clap::Args;

use super::progress::Spinner;
use super::verify::Comparison;
use super::{Ending, Format, note, print_json};

/// Expands fused nodes back to standard ONNX operators and verifies the result
///
/// Every node of the domain `ai.phasor` is replaced by its definition in standard operators. If there is none, the output is a
/// byte-for-byte copy of the input.
#[derive(Args)]
pub(super) struct Unfuse {
    /// Model to expand (.onnx)
    input: PathBuf,
    /// Where to write the expanded model
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
        let model = Model::open(&self.input)?;
        let verify = (!self.no_verify).then_some(comparison);
        let report = crate::unfuse_and_report(
            &model,
            Destination::File {
                path: &self.output,
                force: self.force,
            },
            verify.as_ref(),
            &mut Spinner::new(self.format),
            &mut |report| match self.format {
                Format::Json => print_json(report),
                Format::Text => Ok(()),
            },
        )?;
        if self.format == Format::Text {
            note(&text::unfuse(&report));
        }
        Ok(match report.verdict {
            UnfusedVerdict::Unfused | UnfusedVerdict::NothingToUnfuse => Ending::Good,
            UnfusedVerdict::Differs | UnfusedVerdict::NotVerified => Ending::Negative,
        })
    }
}
