//! Which engines run a comparison, in the order in which they are tried.

use super::{Error, Options};
use crate::engine::Engine;
#[cfg(feature = "ort")]
use crate::engine::locate;
#[cfg(feature = "ort")]
use crate::engine::ort::Ort;
#[cfg(feature = "tract")]
use crate::engine::tract::{Tract, TractBodies};
use std::path::PathBuf;

/// The user's choice of engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// ONNX Runtime if it is found, else the embedded engine.
    #[default]
    Auto,
    /// ONNX Runtime and nothing else.
    OnnxRuntime,
    /// The embedded engine and nothing else.
    Tract,
}

/// One engine, and the same with kernels for our operators.
pub(super) struct Candidate {
    pub(super) plain: Box<dyn Engine>,
    pub(super) library: Option<Box<dyn Engine>>,
    pub(super) operators: Option<PathBuf>,
    /// Whether it is the one that is built in.
    pub(super) is_embedded: bool,
}

pub(super) struct Choice {
    pub(super) engines: Vec<Candidate>,
    pub(super) notes: Vec<String>,
}

/// `fused`: whether a model has operators for which there are kernels. A library that the user names is not passed over
/// silently: the embedded engine, which needs none, says so.
pub(super) fn choose(options: &Options, fused: bool) -> Result<Choice, Error> {
    let mut choice = Choice {
        engines: Vec::new(),
        notes: Vec::new(),
    };
    if options.engine != Preference::Tract {
        match onnxruntime(options, fused, &mut choice.notes) {
            Ok(candidate) => choice.engines.push(candidate),
            // What the user names must serve.
            Err(error)
                if options.engine == Preference::OnnxRuntime || options.onnxruntime.is_some() =>
            {
                return Err(error);
            }
            Err(error) => choice.notes.push(error.to_string()),
        }
    }
    if options.engine != Preference::OnnxRuntime {
        embedded(options, fused, &mut choice)?;
    }
    Ok(choice)
}

#[cfg(feature = "ort")]
fn onnxruntime(
    options: &Options,
    fused: bool,
    notes: &mut Vec<String>,
) -> Result<Candidate, Error> {
    let ort = Ort::find(options.onnxruntime.as_deref())?.with_threads(options.threads);
    let mut operators = None;
    if fused {
        match locate::operators(options.operators.as_deref()).first() {
            Ok(found) => operators = Some(found.path),
            Err(tried) if options.operators.is_some() => {
                let engine = "operator library".to_owned();
                return Err(crate::engine::EngineError::Unavailable {
                    engine,
                    cause: tried,
                }
                .into());
            }
            Err(tried) => notes.push(format!(
                "no operator library, only function bodies are checked: {tried}"
            )),
        }
    }
    let library = operators
        .clone()
        .map(|path| -> Box<dyn Engine> { Box::new(ort.clone().with_operators(Some(path))) });
    Ok(Candidate {
        plain: Box::new(ort),
        library,
        operators,
        is_embedded: false,
    })
}

#[cfg(not(feature = "ort"))]
fn onnxruntime(_: &Options, _: bool, _: &mut Vec<String>) -> Result<Candidate, Error> {
    Err(absent("ONNX Runtime"))
}

#[cfg(feature = "tract")]
fn embedded(options: &Options, fused: bool, choice: &mut Choice) -> Result<(), Error> {
    let named = [&options.onnxruntime, &options.operators];
    if choice.engines.is_empty() {
        let named = named.into_iter().flatten();
        choice.notes.extend(named.map(|path| {
            let shown = path.display();
            format!("`{shown}` is not used: tract is built in and has kernels of its own")
        }));
    }
    choice.engines.push(Candidate {
        plain: Box::new(TractBodies),
        library: fused.then(|| -> Box<dyn Engine> { Box::new(Tract) }),
        operators: None,
        is_embedded: true,
    });
    Ok(())
}

#[cfg(not(feature = "tract"))]
fn embedded(options: &Options, _: bool, _: &mut Choice) -> Result<(), Error> {
    if options.engine == Preference::Tract {
        Err(absent("tract"))
    } else {
        Ok(())
    }
}

/// The error for an engine that is compiled out.
#[cfg(not(all(feature = "ort", feature = "tract")))]
fn absent(engine: &str) -> Error {
    let cause = "this build does not contain it".to_owned();
    crate::engine::EngineError::Unavailable {
        engine: engine.to_owned(),
        cause,
    }
    .into()
}
