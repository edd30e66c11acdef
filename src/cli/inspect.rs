//! `phasor inspect`: what can be fused, and the near misses.

use std::path::PathBuf;

use crate::report::text;
use clap::Args;

use super::search::Sizes;
use super::{Ending, Format, print_data, print_json, streams, warn_of_missing_data};

/// Lists the position encodings of a model, and the near misses with node and reason
#[derive(Args)]
pub(super) struct Inspect {
    /// Model to read (.onnx); `-` for standard input
    input: PathBuf,
    #[command(flatten)]
    sizes: Sizes,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let model = streams::open(&self.input)?;
        warn_of_missing_data(&model);
        let report = crate::inspect(&model, &self.sizes.search())?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::inspect(&report))?,
        }
        Ok(Ending::Good)
    }
}
