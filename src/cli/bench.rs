//! `phasor bench`: how fast two models run, against each other.

use std::path::PathBuf;

use crate::BenchOptions;
use crate::report::text;
use clap::Args;

use super::progress::Spinner;
use super::{Ending, Format, dimension, print_data, print_json, streams};

/// Times a model and its fused version in ONNX Runtime, against each other
///
/// All sessions are recreated in every round, and run in turns. The original takes part twice: how far its second ratio is from 1 is
/// what noise there is. A fused model runs without and with the operator library. With one thread the processor's time is
/// taken, which bears other load on the machine better than the clock's.
#[derive(Args)]
pub(super) struct Bench {
    /// The original (.onnx)
    before: PathBuf,
    /// The fused model (.onnx)
    after: PathBuf,
    #[command(flatten)]
    runtime: Runtime,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds that the original runs in a round
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = seconds)]
    seconds: f64,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// What models are run in, and on which inputs.
#[derive(Args)]
pub(super) struct Runtime {
    /// Size of a symbolic dimension, such as batch=2; may be repeated. Others are small
    #[arg(long, value_name = "NAME=N", value_parser = dimension)]
    dim: Vec<(String, i64)>,
    /// Threads for one operator; 0 lets ONNX Runtime choose
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Path of ONNX Runtime's library
    #[arg(long, value_name = "PATH")]
    ort: Option<PathBuf>,
    /// Path of Phasor's operator library
    #[arg(long, value_name = "PATH")]
    ops_lib: Option<PathBuf>,
    /// Path of a library of other custom operators that the models use; may be repeated
    #[arg(long, value_name = "PATH")]
    custom_ops: Vec<PathBuf>,
}

impl Runtime {
    pub(super) fn options(self) -> BenchOptions {
        BenchOptions {
            threads: self.threads.into(),
            dims: self.dim.into_iter().collect(),
            onnxruntime: self.ort,
            operators: self.ops_lib,
            custom_operators: self.custom_ops,
            ..BenchOptions::default()
        }
    }
}

/// Reads the length of a round.
fn seconds(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(number) if (0.0..=60.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0 to 60, such as 0.5".to_owned()),
    }
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let (before, after) = (
            streams::open_file(&self.before)?,
            streams::open_file(&self.after)?,
        );
        let options = BenchOptions {
            rounds: self.rounds as usize,
            seconds: self.seconds,
            program: crate::program(),
            ..self.runtime.options()
        };
        let mut progress = Spinner::new(self.format);
        let report = crate::bench(&before, &after, &options, &mut progress)?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::bench(&report))?,
        }
        Ok(Ending::Good)
    }
}
