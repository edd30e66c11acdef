//! `phasor doctor`: what is there to run models with.

use std::path::PathBuf;

use crate::report::text;
use clap::Args;

use super::{Ending, Format, print_data, print_json};

/// Shows what was found to run models with, and how to use it
///
/// ONNX Runtime and its version, whether it loads the operator library, the instruction set of the kernels, NVIDIA's driver and devices,
/// and how each host is told of the library. Exits with code 1 if the operator library is not found or does not load, or if the
/// ONNX Runtime that is named does not.
#[derive(Args)]
pub(super) struct Doctor {
    /// Path of ONNX Runtime's library
    #[arg(long, value_name = "PATH")]
    ort: Option<PathBuf>,
    /// Path of Phasor's operator library
    #[arg(long, value_name = "PATH")]
    ops_lib: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let report = crate::doctor(self.ort.as_deref(), self.ops_lib.as_deref());
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::doctor(&report))?,
        }
        Ok(match report.installation.sound {
            true => Ending::Good,
            false => Ending::Negative,
        })
    }
}
