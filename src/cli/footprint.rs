//! `phasor footprint`: a process in which `phasor bench` measures the memory of one model.

use std::path::PathBuf;

use crate::Model;
use clap::Args;

use super::bench::Runtime;
use super::{Ending, print_json};

/// Loads a model in ONNX Runtime, runs it, and prints how much memory that took
#[derive(Args)]
pub(super) struct Footprint {
    /// Model to run (.onnx)
    model: PathBuf,
    #[command(flatten)]
    runtime: Runtime,
}

impl Footprint {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let options = self.runtime.options();
        print_json(&crate::footprint(&Model::open(&self.model)?, &options)?)?;
        Ok(Ending::Good)
    }
}
