//! `phasor verify`: run two models on the same inputs and compare.

use std::path::PathBuf;

use crate::report::{ComparisonVerdict, text};
use crate::{EnginePreference, VerifyOptions};
use clap::{Args, ValueEnum};

use super::progress::Spinner;
use super::{Advice, Ending, Format, dimension, print_data, print_json, streams};

/// How two models are compared.
#[derive(Args)]
#[command(next_help_heading = "Comparison")]
pub(super) struct Comparison {
    /// Number of random sets of inputs
    #[arg(long, value_name = "N", default_value_t = VerifyOptions::default().seeds, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Inputs to use instead of random ones; may be repeated
    #[arg(long, value_name = "FILE.npz")]
    inputs: Vec<PathBuf>,
    /// Size of a symbolic dimension, such as batch=2; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = dimension)]
    dim: Vec<(String, i64)>,
    /// Engine to run the models in
    #[arg(long, value_enum, default_value_t = EngineName::Auto)]
    engine: EngineName,
    /// Path of ONNX Runtime's library
    #[arg(long, value_name = "PATH")]
    ort: Option<PathBuf>,
    /// Path of Phasor's operator library
    #[arg(long, value_name = "PATH")]
    ops_lib: Option<PathBuf>,
    /// Path of a library of other custom operators that the models use, for ONNX Runtime; may be repeated
    #[arg(long, value_name = "PATH")]
    custom_ops: Vec<PathBuf>,
    /// Most seconds that running the models may take, all runs together; what has not run by then is not compared
    #[arg(long, value_name = "N", default_value_t = VerifyOptions::default().seconds, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    /// Largest difference allowed, relative to the output's scale, instead of the default for the model's type
    #[arg(long, value_name = "X", value_parser = tolerance, allow_negative_numbers = true)]
    tolerance: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// ONNX Runtime if it is found, otherwise the embedded engine
    Auto,
    /// ONNX Runtime
    Ort,
    /// tract, the embedded engine
    Tract,
}

/// Reads a tolerance.
fn tolerance(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(number) if f64::is_finite(number) && number >= 0.0 => Ok(number),
        _ => Err("expected a number of at least 0, such as 1e-4".to_owned()),
    }
}

impl Comparison {
    /// # Errors
    /// For libraries that the chosen engine does not load, and for libraries and engines that cannot be used.
    pub(super) fn options(self) -> anyhow::Result<VerifyOptions> {
        let library = self.ort.as_ref().map(|_| "--ort");
        let library = library.or(self.ops_lib.as_ref().map(|_| "--ops-lib"));
        let library = library.or(self.custom_ops.first().map(|_| "--custom-ops"));
        if let (EngineName::Tract, Some(flag)) = (self.engine, library) {
            return Err(Advice::new(
                format!("`{flag}` is for ONNX Runtime, and `--engine tract` excludes it"),
                "leave one of the two out: tract is built in and has kernels of its own".to_owned(),
            )
            .into());
        }
        let options = VerifyOptions {
            seeds: self.seeds,
            dims: self.dim.into_iter().collect(),
            inputs: self.inputs,
            engine: match self.engine {
                EngineName::Auto => EnginePreference::Auto,
                EngineName::Ort => EnginePreference::OnnxRuntime,
                EngineName::Tract => EnginePreference::Tract,
            },
            onnxruntime: self.ort,
            operators: self.ops_lib,
            custom_operators: self.custom_ops,
            tolerance: self.tolerance,
            seconds: self.time_limit,
            ..VerifyOptions::default()
        };
        crate::check_engines(&options)?;
        Ok(options)
    }
}

/// Runs two models on the same inputs and compares every output
///
/// Exits with code 1 if they differ, or if the comparison is inconclusive: no engine here runs the first model, or rounding alone
/// changes its outputs too much.
#[derive(Args)]
pub(super) struct Verify {
    /// Reference model (.onnx)
    reference: PathBuf,
    /// Model to compare with the reference (.onnx)
    model: PathBuf,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    comparison: Comparison,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let options = self.comparison.options()?;
        let mut progress = Spinner::new(self.format);
        let reference = streams::open_file(&self.reference)?;
        let model = streams::open_file(&self.model)?;
        let report = crate::verify_models(&reference, &model, &options, &mut progress)?;
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::verify(&report))?,
        }
        Ok(match report.report.verdict {
            ComparisonVerdict::Same => Ending::Good,
            ComparisonVerdict::Different { .. } | ComparisonVerdict::NotVerified { .. } => {
                Ending::Negative
            }
        })
    }
}
