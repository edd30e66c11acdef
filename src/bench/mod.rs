//! Times a model and its fused version in the user's ONNX Runtime, against each other.

#[cfg(feature = "ort")]
mod measure;
#[cfg(feature = "ort")]
mod memory;
#[cfg(feature = "ort")]
mod parts;
#[cfg(feature = "ort")]
mod profile;
#[cfg(feature = "ort")]
mod runtime;
#[cfg(feature = "ort")]
mod statistics;

use std::collections::BTreeMap;
use std::ffi::OsString;
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
    /// The program of this crate with its first arguments: memory is measured in processes of it. If it is empty, memory is not measured.
    pub program: Vec<OsString>,
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
            program: Vec::new(),
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
    /// Times of nodes by what they are part of.
    pub parts: Vec<PartTime>,
    /// Times of nodes by operator, those first that take longest in either model.
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
    /// Bytes that a process takes to load and run it, if that was measured; null for the original's second entry.
    pub memory: Option<u64>,
}

/// What a node is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Rotary embeddings, and their tables.
    Rotary,
    /// Biases and scores by relative position.
    Relative,
    /// Sinusoidal embeddings.
    Sinusoidal,
    /// Attention, without what is listed above.
    Attention,
    /// Products with weights, as far as the operator tells.
    Weights,
    /// Everything else.
    Rest,
}

impl Part {
    #[cfg(feature = "ort")]
    const ALL: [Self; 6] = [
        Self::Rotary,
        Self::Relative,
        Self::Sinusoidal,
        Self::Attention,
        Self::Weights,
        Self::Rest,
    ];

    /// As reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotary => "rotary",
            Self::Relative => "relative",
            Self::Sinusoidal => "sinusoidal",
            Self::Attention => "attention",
            Self::Weights => "weights",
            Self::Rest => "rest",
        }
    }
}

/// What nodes of a part take in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartTime {
    /// The part.
    pub part: Part,
    /// Microseconds in the original.
    pub before: f64,
    /// Microseconds in the last variant.
    pub after: f64,
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

/// Loads a model in this process and runs it: how many bytes that takes, null where the system does not tell, as a JSON object.
///
/// # Errors
/// Those of [`run`].
pub(crate) fn footprint(
    model: &ModelFile,
    options: &Options,
) -> Result<impl Serialize + use<>, Error> {
    #[cfg(feature = "ort")]
    return memory::footprint(model, options);
    #[cfg(not(feature = "ort"))]
    {
        let _ = (model, options);
        Err::<(), _>(crate::engine::EngineError::absent("ONNX Runtime", "ort").into())
    }
}
