//! Which engines run a comparison, in the order in which they are tried.
//!
//! An engine or library that the user names on the command line must work. One that an environment variable names and that does not work is
//! skipped with a warning, and one that was merely looked for with a note.

use super::{Error, Options};
use crate::engine::allowance::Allowance;
#[cfg(feature = "ort")]
use crate::engine::locate;
#[cfg(feature = "ort")]
use crate::engine::ort::{Level, Ort};
#[cfg(feature = "tract")]
use crate::engine::tract::{Tract, TractBodies};
use crate::engine::{Engine, EngineError, Within};
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
    /// The same with fewer optimisations, which compute the same in other orders.
    pub(super) variants: Vec<Box<dyn Engine>>,
    /// Whether it is the embedded engine.
    pub(super) is_embedded: bool,
}

impl Candidate {
    /// The same, with one allowance for all runs.
    pub(super) fn within(self, allowance: &Allowance) -> Candidate {
        let bounded = |engine| -> Box<dyn Engine> {
            Box::new(Within {
                engine,
                allowance: allowance.clone(),
            })
        };
        Candidate {
            plain: bounded(self.plain),
            library: self.library.map(bounded),
            variants: self.variants.into_iter().map(bounded).collect(),
            ..self
        }
    }
}

/// The engines of a comparison, and what to say about those that are not used.
#[derive(Default)]
pub(super) struct Engines {
    pub(super) engines: Vec<Candidate>,
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Checks that the engine and the libraries that the user names can be used, whatever the model is.
///
/// # Errors
/// Names what cannot be used.
pub fn check(options: &Options) -> Result<(), Error> {
    let named = options.engine != Preference::Auto || needs_onnxruntime(options);
    if named {
        choose(options, false)?;
    }
    Ok(())
}

/// Whether the user names what is for ONNX Runtime alone.
fn needs_onnxruntime(options: &Options) -> bool {
    options.onnxruntime.is_some()
        || options.operators.is_some()
        || !options.custom_operators.is_empty()
}

/// `fused`: whether a model has operators for which there are kernels.
pub(super) fn choose(options: &Options, fused: bool) -> Result<Engines, Error> {
    let mut choice = Engines::default();
    if options.engine != Preference::Tract {
        match onnxruntime(options, fused, &mut choice) {
            Ok(candidate) => choice.engines.push(candidate),
            Err(error)
                if options.engine == Preference::OnnxRuntime || needs_onnxruntime(options) =>
            {
                return Err(error.into());
            }
            Err(error) if named_by_environment() => {
                choice
                    .warnings
                    .push(format!("{error}; tract is used instead"));
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
fn named_by_environment() -> bool {
    locate::variable(locate::ORT_VARIABLE).is_some()
}

#[cfg(not(feature = "ort"))]
fn named_by_environment() -> bool {
    false
}

#[cfg(feature = "ort")]
fn onnxruntime(
    options: &Options,
    fused: bool,
    choice: &mut Engines,
) -> Result<Candidate, EngineError> {
    let ort = Ort::find(options.onnxruntime.as_deref())?.with_threads(options.threads);
    let ort = options.custom_operators.iter().try_fold(ort, |ort, path| {
        ort.registering(path)
            .map_err(|cause| EngineError::unusable("library of custom operators", cause))
    })?;
    let (mut operators, mut library) = (None, None);
    if fused || options.operators.is_some() {
        let found = locate::operators(options.operators.as_deref()).first();
        let made = found.and_then(|found| Ok((ort.registering(&found.path)?, found.path)));
        match made {
            Ok((with, path)) => {
                library = Some(Box::new(with) as Box<dyn Engine>);
                operators = Some(path);
            }
            Err(cause) if options.operators.is_some() => {
                return Err(EngineError::unusable("operator library", cause));
            }
            Err(cause) => {
                let text =
                    format!("no operator library, only function bodies are checked: {cause}");
                match locate::variable(locate::OPS_VARIABLE) {
                    Some(_) => choice.warnings.push(text),
                    None => choice.notes.push(text),
                }
            }
        }
    }
    let variant = |level| Box::new(ort.clone().with_level(level)) as Box<dyn Engine>;
    Ok(Candidate {
        variants: [Level::Off, Level::Basic].map(variant).into(),
        plain: Box::new(ort),
        library,
        operators,
        is_embedded: false,
    })
}

#[cfg(not(feature = "ort"))]
fn onnxruntime(_: &Options, _: bool, _: &mut Engines) -> Result<Candidate, EngineError> {
    Err(EngineError::absent("ONNX Runtime", "ort"))
}

#[cfg(feature = "tract")]
fn embedded(_: &Options, fused: bool, choice: &mut Engines) -> Result<(), Error> {
    choice.engines.push(Candidate {
        plain: Box::new(TractBodies),
        library: fused.then(|| -> Box<dyn Engine> { Box::new(Tract) }),
        operators: None,
        variants: Vec::new(),
        is_embedded: true,
    });
    Ok(())
}

#[cfg(not(feature = "tract"))]
fn embedded(options: &Options, _: bool, _: &mut Engines) -> Result<(), Error> {
    if options.engine == Preference::Tract {
        Err(EngineError::absent("tract", "tract").into())
    } else {
        Ok(())
    }
}
