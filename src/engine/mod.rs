//! Runs models: in tract, which is built in, or in the user's own ONNX Runtime, loaded at run time.
#![forbid(unsafe_code)]

// Without an engine nothing runs, and only the embedded one counts work.
#[cfg_attr(not(feature = "tract"), allow(dead_code))]
pub mod allowance;
#[cfg(any(feature = "tract", feature = "ort"))]
pub(crate) mod guard;
pub mod locate;
#[cfg(feature = "ort")]
pub mod ort;
pub(crate) mod random;
#[cfg(feature = "tract")]
pub mod tract;

use crate::onnx::{Tensor, proto::ModelProto};
use allowance::Allowance;
use std::path::Path;

/// The model to run.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A model file; its external data lies beside it.
    Path(&'a Path),
    /// A model in memory, and the folder of its external data if it has any.
    Proto(&'a ModelProto, Option<&'a Path>),
}

impl Source<'_> {
    /// The model's name in messages.
    pub fn label(&self) -> String {
        match self {
            Source::Path(path) => format!("`{}`", path.display()),
            Source::Proto(..) => "the model in memory".to_owned(),
        }
    }
}

/// Why a run gave no outputs.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file cannot be read as a model.
    #[error("{0}")]
    Model(String),
    /// The engine cannot be used at all.
    #[error("{engine}: {cause}")]
    Unavailable {
        /// The engine.
        engine: String,
        /// What was tried.
        cause: String,
        /// What to do about it.
        hint: String,
    },
    /// An input is missing, superfluous or of the wrong kind.
    #[error("input `{name}`: {cause}")]
    Input {
        /// The graph input.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A requested output is not a value of the graph.
    #[error("{engine}: no value `{name}` to read")]
    Output {
        /// The engine.
        engine: String,
        /// The requested value.
        name: String,
    },
    /// The engine refuses the model: an operator, a type or a shape that it does not support, or an invalid graph.
    #[error("{engine} cannot load the model: {cause}")]
    Load {
        /// The engine.
        engine: String,
        /// The engine's message.
        cause: String,
    },
    /// The engine started and failed.
    #[error("{engine} failed while running: {cause}")]
    Run {
        /// The engine.
        engine: String,
        /// The engine's message.
        cause: String,
    },
    /// The run would take, or has taken, more time than it may: nothing is known of its results.
    #[error("{engine} was stopped: {cause}")]
    Late {
        /// The engine.
        engine: String,
        /// How far it came.
        cause: String,
    },
    /// The run would compute more than it may.
    #[error("{engine} was stopped: {cause}")]
    TooMuch {
        /// The engine.
        engine: String,
        /// How far it came.
        cause: String,
    },
}

impl EngineError {
    /// The error for a library that an engine cannot register.
    #[cfg(feature = "ort")]
    pub(crate) fn unusable(library: &str, cause: String) -> EngineError {
        EngineError::Unavailable {
            engine: library.to_owned(),
            cause,
            hint: "name a library that exports `RegisterCustomOps` and is built for this system"
                .to_owned(),
        }
    }

    /// The error for an engine that is compiled out.
    #[cfg(not(all(feature = "ort", feature = "tract")))]
    pub(crate) fn absent(engine: &str, feature: &str) -> EngineError {
        EngineError::Unavailable {
            engine: engine.to_owned(),
            cause: "this build does not contain it".to_owned(),
            hint: format!(
                "build with the feature `{feature}`, or choose another engine with `--engine`"
            ),
        }
    }

    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            EngineError::Unavailable { hint, .. } => Some(hint.clone()),
            _ => None,
        }
    }
}

/// Something that computes values of a model.
pub trait Engine {
    /// Name and version, as reports show it.
    fn name(&self) -> String;

    /// Reads a model, to run it more than once.
    ///
    /// # Errors
    /// See [`EngineError`]; a panic inside the engine is one too.
    fn open<'a>(&'a self, model: Source<'a>) -> Result<Box<dyn Session + 'a>, EngineError>;

    /// Opens a model and runs it once: see [`Session::run`].
    ///
    /// # Errors
    /// See [`EngineError`].
    fn run(
        &self,
        model: Source<'_>,
        inputs: &[(String, Tensor)],
        outputs: &[String],
    ) -> Result<Vec<Tensor>, EngineError> {
        self.open(model)?.run(inputs, outputs)
    }
}

/// An engine whose sessions are bounded.
pub struct Within {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// What the runs of all its sessions may take together.
    pub allowance: Allowance,
}

impl Engine for Within {
    fn name(&self) -> String {
        self.engine.name()
    }

    fn open<'a>(&'a self, model: Source<'a>) -> Result<Box<dyn Session + 'a>, EngineError> {
        let mut session = self.engine.open(model)?;
        session.bound(&self.allowance);
        Ok(session)
    }
}

/// A model that an engine has read.
pub trait Session {
    /// Bounds what the runs from now on may take. A run that would take more fails with [`EngineError::Late`] or
    /// [`EngineError::TooMuch`]: before the node that is too much where that can be told, else after the node that was.
    fn bound(&mut self, allowance: &Allowance);

    /// Checks, before there are inputs, whether the model can compute these outputs at all. What depends on sizes or values
    /// shows only in a run.
    ///
    /// # Errors
    /// [`EngineError::Load`], if the model would fail for inputs of any sizes.
    fn check(&mut self, outputs: &[String]) -> Result<(), EngineError> {
        let _ = outputs;
        Ok(())
    }

    /// Computes values of the main graph from values for its inputs.
    ///
    /// `outputs` are graph outputs; the result has their order. tract can do more: outputs may be any values of the main
    /// graph, inputs that they do not need may be left out, and a value given for anything else of the main graph replaces
    /// what would be computed. ONNX Runtime ignores values for names that are not inputs.
    ///
    /// # Errors
    /// See [`EngineError`]; a panic inside the engine is one too.
    fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        outputs: &[String],
    ) -> Result<Vec<Tensor>, EngineError>;
}
