//! Times a model and its fused version in the user's ONNX Runtime, against each other.

#[cfg(feature = "ort")]
mod measure;
#[cfg(feature = "ort")]
mod profile;
#[cfg(feature = "ort")]
mod statistics;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::onnx::ModelFile;
use crate::pipeline::Progress;
use crate::verify::Error;

/// How models are timed.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often sessions are made anew.
    pub rounds: usize,
    /// Seconds that the original runs in a round, in which it runs four times at least.
    pub seconds: f64,
    /// Threads for one operator; 0 lets ONNX Runtime choose. With 1 the time of the processor is taken, otherwise the clock's.
    pub threads: usize,
    /// Sizes of symbolic dimensions.
    pub dims: BTreeMap<String, i64>,
    /// ONNX Runtime's library, if the user names it.
    pub onnxruntime: Option<PathBuf>,
    /// The operator library, if the user names it.
    pub operators: Option<PathBuf>,
    /// Libraries of other custom operators that the models use.
    pub custom_operators: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 7,
            seconds: 0.5,
            threads: 0,
            dims: BTreeMap::new(),
            onnxruntime: None,
            operators: None,
            custom_operators: Vec::new(),
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// ONNX Runtime and its release.
    pub engine: String,
    /// Threads for one operator, 0 where ONNX Runtime chose.
    pub threads: usize,
    /// `processor` or `clock`: whose time.
    pub time: &'static str,
    /// Sizes of the symbolic dimensions.
    pub sizes: BTreeMap<String, i64>,
    /// Rounds, in each of which all sessions were made anew.
    pub rounds: usize,
    /// Runs of each variant, in all rounds.
    pub runs: usize,
    /// The original first, and second the original once more.
    pub variants: Vec<Variant>,
    /// Times of nodes by operator, those that take the original longest first.
    pub operators: Vec<OperatorTime>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// A model, and how it runs.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// The file.
    pub model: String,
    /// The operator library that was registered.
    pub library: Option<String>,
    /// The median of all its runs, in milliseconds.
    pub milliseconds: f64,
    /// How many times as fast as the original it runs, in the same turn: the median of the rounds.
    pub ratio: f64,
    /// An interval that has the true median in 95 of 100 measurements; with less than six rounds, their extremes.
    pub interval: [f64; 2],
}

/// What nodes of an operator take in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperatorTime {
    /// The operator, as ONNX Runtime runs it: it fuses some, and expands functions.
    pub operator: String,
    /// Microseconds in the original.
    pub before: f64,
    /// Microseconds in the last variant.
    pub after: f64,
}

/// Times two models; `before` is the original.
///
/// # Errors
/// Models that cannot be read, inputs that cannot be made, and an ONNX Runtime that is missing or does not run one of the models.
pub(crate) fn run(
    before: &ModelFile,
    after: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Measurement, Error> {
    #[cfg(feature = "ort")]
    return measure::run(before, after, options, progress);
    #[cfg(not(feature = "ort"))]
    {
        let _ = (before, after, options, progress);
        Err(crate::engine::EngineError::absent("ONNX Runtime", "ort").into())
    }
}
