//! A model with its inputs in ONNX Runtime's own memory, for runs that are timed.

use std::path::{Path, PathBuf};

use ort::session::SessionInputValue;
use ort::value::DynValue;

use super::{Ort, plain, to_value};
use crate::engine::guard::caught;
use crate::engine::{Engine, EngineError};
use crate::onnx::Tensor;

/// A session, and a value for each of its inputs.
pub(crate) struct Prepared {
    session: ort::session::Session,
    values: Vec<(String, DynValue)>,
    engine: String,
}

impl Ort {
    /// Opens a model to run it on these inputs, of which it may lack some. Threads that wait sleep, so that several sessions of one
    /// process do not disturb each other. With a `profile`, ONNX Runtime times each node, and writes that to a file whose name begins so.
    ///
    /// # Errors
    /// [`EngineError::Load`] and [`EngineError::Input`].
    pub(crate) fn prepare(
        &self,
        model: &Path,
        inputs: &[(String, Tensor)],
        profile: Option<&Path>,
    ) -> Result<Prepared, EngineError> {
        let session = caught(|| {
            let builder = self.builder(None)?;
            let builder = builder.with_config_entry("session.intra_op.allow_spinning", "0")?;
            match profile {
                Some(path) => builder.with_profiling(path)?,
                None => builder,
            }
            .commit_from_file(model)
        });
        let session = session
            .map_err(|panic| self.load_error(panic))?
            .map_err(|error| self.load_error(error.to_string()))?;
        let mut values = Vec::new();
        for input in session.inputs() {
            let fault = |cause: String| EngineError::Input {
                name: input.name().to_owned(),
                cause,
            };
            let given = inputs.iter().find(|(name, _)| name == input.name());
            let (name, tensor) = given.ok_or_else(|| fault("no value is given".to_owned()))?;
            values.push((name.clone(), to_value(tensor).map_err(fault)?));
        }
        Ok(Prepared {
            session,
            values,
            engine: self.name(),
        })
    }
}

impl Prepared {
    /// Runs once; nothing is done with the outputs.
    ///
    /// # Errors
    /// [`EngineError::Run`].
    pub(crate) fn run(&mut self) -> Result<(), EngineError> {
        let Self {
            session, values, ..
        } = self;
        let done = caught(|| {
            let views = values.iter();
            let views = views.map(|(name, value)| (name.as_str(), value.into()));
            let views: Vec<(&str, SessionInputValue<'_>)> = views.collect();
            session.run(views).map(drop)
        });
        done.map_err(|panic| self.failed(panic))?
            .map_err(|error| self.failed(error.to_string()))
    }

    /// The file with the times of the nodes.
    ///
    /// # Errors
    /// [`EngineError::Run`], where there is no profile.
    pub(crate) fn profile(mut self) -> Result<PathBuf, EngineError> {
        let ended = caught(|| self.session.end_profiling());
        ended
            .map_err(|panic| self.failed(panic))?
            .map(PathBuf::from)
            .map_err(|error| self.failed(error.to_string()))
    }

    fn failed(&self, cause: impl Into<String>) -> EngineError {
        EngineError::Run {
            engine: self.engine.clone(),
            cause: plain(&cause.into()),
        }
    }
}
