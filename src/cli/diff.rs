//! `phasor diff`: what two models are made of.

use std::path::PathBuf;

use crate::report::text;
use clap::Args;

use super::{Ending, Format, print_data, print_json, streams};

/// Compares what two models are made of: operators, nodes, initializers and sizes
///
/// `phasor verify` compares what they compute.
#[derive(Args)]
pub(super) struct Diff {
    /// First model (.onnx); `-` for standard input
    before: PathBuf,
    /// Second model (.onnx)
    after: PathBuf,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Diff {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let (before, after) = (
            streams::open(&self.before)?,
            streams::open_file(&self.after)?,
        );
        let report = crate::diff(&before, &after);
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::diff(&report))?,
        }
        Ok(Ending::Good)
    }
}
