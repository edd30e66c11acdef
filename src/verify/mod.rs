//! Compares two models by running both on the same inputs.
//!
//! The first model says what is right. Inputs are random ([`inputs`]) or read from a file ([`npz`]). ONNX Runtime is preferred
//! as the engine, because that is where the model will run; without it, or where it cannot run the first model, the embedded
//! engine serves. A fused model is run twice, with kernels (in ONNX Runtime those of the operator library) and without them, so
//! that kernels and function bodies are both held against the original.
//!
//! A difference is relative to the largest magnitude of the reference (at least 1). What is allowed depends on the least
//! precise float type that the first model computes in: [`compare::tolerance`].
#![forbid(unsafe_code)]

pub mod compare;
mod engines;
pub mod inputs;
pub mod npz;
mod report;

pub use engines::Preference;
pub use npz::NpzError;
pub use report::{Case, How, Output, Report, Run, Verdict};

use crate::engine::{Engine, EngineError, Session, Source};
use crate::onnx::proto::ModelProto;
use crate::onnx::{DataType, ModelFile, Tensor, names};
use bytes::Bytes;
use engines::Choice;
use inputs::{Assignment, InputsError, Signature};
use prost::Message;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Domain of the operators that the operator library has kernels for.
const DOMAIN: &str = "ai.phasor";

/// How to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many sets of random inputs.
    pub seeds: u64,
    /// Sizes of symbolic dimensions.
    pub dims: BTreeMap<String, i64>,
    /// Archives of inputs to use instead of random ones.
    pub inputs: Vec<PathBuf>,
    /// Which engine.
    pub engine: Preference,
    /// ONNX Runtime's library, if the user names it.
    pub onnxruntime: Option<PathBuf>,
    /// The operator library, if the user names it.
    pub operators: Option<PathBuf>,
    /// Threads for one operator; 0 lets the engine choose.
    pub threads: usize,
    /// The largest relative difference allowed, in place of the one for the model's type.
    pub tolerance: Option<f64>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seeds: 2,
            dims: BTreeMap::new(),
            inputs: Vec::new(),
            engine: Preference::Auto,
            onnxruntime: None,
            operators: None,
            threads: 0,
            tolerance: None,
        }
    }
}

/// Why a comparison could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model cannot be read.
    #[error(transparent)]
    Model(#[from] crate::onnx::Error),
    /// Given inputs cannot be read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// Given inputs do not fit the model, or random ones cannot be made for it.
    #[error("{model}: {cause}")]
    Inputs {
        /// The model, or the archive of inputs.
        model: String,
        /// What does not fit.
        cause: InputsError,
    },
    /// The two models are no two versions of one.
    #[error("the models cannot be compared: {0}")]
    Interface(String),
    /// The engine that was asked for cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Error {
    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Model(error) => error.hint(),
            Error::Inputs {
                cause: InputsError::TooLarge { .. },
                ..
            } => Some(
                "give smaller sizes with `--dim`, or the inputs themselves with `--inputs`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Compares two models; `a` says what is right.
///
/// # Errors
/// If a model or its inputs cannot be read, if the models' interfaces differ, or if an engine was asked for by name and cannot
/// be used. That no engine runs `a` is no error but [`Verdict::NotVerified`].
pub fn run(a: Source<'_>, b: Source<'_>, options: &Options) -> Result<Report, Error> {
    let (file_a, file_b) = (read(a)?, read(b)?);
    let names = interface(&file_a, &file_b)?;
    let fault = |model: String| move |cause: InputsError| Error::Inputs { model, cause };
    let signature = Signature::of(&file_a, &options.dims).map_err(fault(a.label()))?;
    if options.inputs.is_empty() {
        signature.fits().map_err(fault(a.label()))?;
    }
    let mut given: Vec<Given> = Vec::new();
    for path in &options.inputs {
        let label = format!("`{}`", path.display());
        let (assignment, tensors) = signature
            .check(npz::read(path)?)
            .map_err(fault(label.clone()))?;
        given.push((label, assignment, tensors));
    }
    let fused = [&file_a, &file_b].map(|file| uses(file.model(), DOMAIN));
    let Choice { engines, mut notes } = engines::choose(options, fused.contains(&true))?;
    let gained = rotary_operators(file_b.model()) > rotary_operators(file_a.model());
    let least = least_precise(&file_a);

    let mut reasons = Vec::new();
    for engine in &engines {
        let plain = engine.plain.as_ref();
        let library = engine.library.as_deref();
        let compute = |way| Reference::compute(way, a, &names, &signature, &given, options.seeds);
        // A fused model may have lost its function bodies: then kernels say what is right.
        let result = match (compute(plain), library.filter(|_| fused[0])) {
            (Err(why), Some(library)) => compute(library).map_err(|_| why),
            (result, _) => result,
        };
        let mut reference = match result {
            Ok(reference) => reference,
            Err(why) => {
                reasons.push(why);
                continue;
            }
        };
        notes.append(&mut reasons);
        notes.append(&mut reference.notes);
        let mut cases = reference.cases();
        let mut ways: Vec<(How, &dyn Engine)> = Vec::new();
        ways.extend(library.filter(|_| fused[1]).map(|way| (How::Library, way)));
        ways.push((How::Plain, plain));
        for (how, way) in ways {
            let mut session = way.open(b);
            for (case, known) in cases.iter_mut().zip(&reference.known) {
                let results = match &mut session {
                    Ok(session) => session.run(&known.inputs, &names),
                    Err(error) => Err(EngineError::Model(error.to_string())),
                };
                let mut run = Run {
                    how,
                    error: None,
                    outputs: Vec::new(),
                };
                match results {
                    Err(error) => run.error = Some(error.to_string()),
                    Ok(results) => {
                        for ((name, want), got) in names.iter().zip(&known.outputs).zip(&results) {
                            let allowed = options
                                .tolerance
                                .unwrap_or_else(|| allowed(want.dtype, least));
                            run.outputs.push(Output {
                                name: name.clone(),
                                dtype: want.dtype.to_string(),
                                shape: want.shape.clone(),
                                difference: compare::compare(want, got, allowed),
                            });
                        }
                    }
                }
                case.runs.push(run);
            }
        }
        if let (true, Some(why)) = (engine.is_embedded && gained, report::error(&cases)) {
            reasons.push(format!(
                "{} does not run the second model: {why}",
                plain.name()
            ));
            continue;
        }
        let verdict = report::judge(&cases);
        let operators = engine.operators.clone().filter(|_| fused[1]);
        return Ok(Report {
            verdict,
            engine: Some(plain.name()),
            operators,
            notes,
            cases,
        });
    }
    let why = if reasons.is_empty() {
        "no engine is available".to_owned()
    } else {
        reasons.join("; ")
    };
    Ok(Report {
        verdict: Verdict::NotVerified { why },
        engine: None,
        operators: None,
        notes,
        cases: Vec::new(),
    })
}

/// Inputs that the user gives: their file's name, the sizes that follow from them, and the tensors.
type Given = (String, Assignment, Vec<(String, Tensor)>);

/// What the first model computes.
struct Reference {
    known: Vec<Known>,
    notes: Vec<String>,
}

struct Known {
    label: String,
    assignment: Assignment,
    inputs: Vec<(String, Tensor)>,
    outputs: Vec<Tensor>,
}

impl Reference {
    /// Runs the first model. With random inputs, sizes are tried until it runs; from then on only sizes are used with which it
    /// does.
    fn compute(
        engine: &dyn Engine,
        model: Source<'_>,
        names: &[String],
        signature: &Signature,
        given: &[Given],
        seeds: u64,
    ) -> Result<Reference, String> {
        let mut session = engine.open(model).map_err(|e| e.to_string())?;
        let mut known = Vec::new();
        for (label, assignment, inputs) in given {
            let outputs = session
                .run(inputs, names)
                .map_err(|e| format!("{label}: {e}"))?;
            let (label, assignment, inputs) = (label.clone(), assignment.clone(), inputs.clone());
            known.push(Known {
                label,
                assignment,
                inputs,
                outputs,
            });
        }
        if !given.is_empty() {
            return Ok(Reference {
                known,
                notes: Vec::new(),
            });
        }
        let mut notes = Vec::new();
        let mut working: Option<Assignment> = None;
        for seed in 0..seeds.max(1) {
            let mut tries = signature.assignments(seed);
            if let Some(working) = &working {
                // Its own sizes once, then those that are known to work.
                tries.truncate(1);
                tries.push(working.clone());
            }
            let ran = first_that_runs(session.as_mut(), names, signature, tries, seed);
            let (assignment, inputs, outputs) = match ran {
                Ok(ran) => ran,
                // Whether a model runs may depend on the values; one case is enough to compare.
                Err(why) if !known.is_empty() => {
                    notes.push(format!("seed {seed} is left out: {why}"));
                    continue;
                }
                Err(why) => return Err(format!("{}: {why}", engine.name())),
            };
            working = Some(assignment.clone());
            known.push(Known {
                label: format!("seed {seed}"),
                assignment,
                inputs,
                outputs,
            });
        }
        Ok(Reference { known, notes })
    }

    fn cases(&self) -> Vec<Case> {
        let case = |known: &Known| Case {
            inputs: known.label.clone(),
            dims: known.assignment.sizes.clone(),
            runs: Vec::new(),
        };
        self.known.iter().map(case).collect()
    }
}

type Ran = (Assignment, Vec<(String, Tensor)>, Vec<Tensor>);

fn first_that_runs(
    session: &mut dyn Session,
    names: &[String],
    signature: &Signature,
    tries: Vec<Assignment>,
    seed: u64,
) -> Result<Ran, String> {
    let count = tries.len();
    let mut first = None;
    for assignment in tries {
        let result = match signature.make(&assignment, seed) {
            Ok(inputs) => session
                .run(&inputs, names)
                .map(|outputs| (inputs, outputs))
                .map_err(|e| e.to_string()),
            Err(cause) => Err(cause.to_string()),
        };
        match result {
            Ok((inputs, outputs)) => return Ok((assignment, inputs, outputs)),
            Err(why) => {
                let sizes: Vec<String> = assignment
                    .sizes
                    .iter()
                    .map(|(name, n)| format!("{name}={n}"))
                    .collect();
                first.get_or_insert_with(|| format!("{why} (sizes {})", sizes.join(" ")));
            }
        }
    }
    let first = first.unwrap_or_else(|| "no sizes to try".to_owned());
    Err(format!(
        "the first model ran with none of {count} choices of sizes; the first failed with: {first}"
    ))
}

/// Opens a model to look at it. One in memory is encoded for that, its weights are shared.
fn read(source: Source<'_>) -> Result<ModelFile, Error> {
    let file = match source {
        Source::Path(path) => ModelFile::open(path)?,
        Source::Proto(model, _) => {
            ModelFile::from_bytes("model in memory", Bytes::from(model.encode_to_vec()))?
        }
    };
    file.validate()?;
    Ok(file)
}

/// The outputs, which must be the same in both models, as must the inputs.
fn interface(a: &ModelFile, b: &ModelFile) -> Result<Vec<String>, Error> {
    let inputs = |file: &ModelFile| -> Vec<String> {
        let graph = file.graph();
        let initialized = |name: &str| graph.initializer.iter().any(|t| t.name() == name);
        let mut names: Vec<String> = graph
            .input
            .iter()
            .map(|i| i.name().to_owned())
            .filter(|n| !initialized(n))
            .collect();
        names.sort();
        names
    };
    let outputs = |file: &ModelFile| -> Vec<String> {
        file.graph()
            .output
            .iter()
            .map(|o| o.name().to_owned())
            .collect()
    };
    for (kind, of_a, of_b) in [
        ("inputs", inputs(a), inputs(b)),
        ("outputs", outputs(a), outputs(b)),
    ] {
        let missing = of_a.iter().find(|name| !of_b.contains(name));
        let more = of_b.iter().find(|name| !of_a.contains(name));
        match (missing, more) {
            (Some(name), _) => {
                return Err(Error::Interface(format!(
                    "`{name}` is among the {kind} of the first only"
                )));
            }
            (_, Some(name)) => {
                return Err(Error::Interface(format!(
                    "`{name}` is among the {kind} of the second only"
                )));
            }
            (None, None) => {}
        }
    }
    Ok(outputs(a))
}

/// Whether a model calls operators of a domain, be it in bodies or functions.
fn uses(model: &ModelProto, domain: &str) -> bool {
    names::nodes(model).any(|node| node.domain() == domain)
}

/// How many nodes rotate by an operator of ONNX or ONNX Runtime. The embedded engine knows these in part: where it does not run a
/// model that gained some, the model may be sound.
fn rotary_operators(model: &ModelProto) -> usize {
    names::nodes(model)
        .filter(|node| node.op_type() == "RotaryEmbedding" && node.domain() != DOMAIN)
        .count()
}

/// The least precise float type among inputs, initializers and casts; `None` if there is no float at all.
fn least_precise(file: &ModelFile) -> Option<DataType> {
    let graph = file.graph();
    let casts = graph.node.iter().filter(|node| node.op_type() == "Cast");
    let to = casts.flat_map(|node| {
        node.attribute
            .iter()
            .filter(|a| a.name() == "to")
            .map(|a| a.i() as i32)
    });
    let weights = graph.initializer.iter().map(|t| t.data_type());
    let types = to
        .chain(weights)
        .filter_map(DataType::from_onnx)
        .filter(|dtype| dtype.is_float());
    types.max_by(|a, b| compare::tolerance(*a).total_cmp(&compare::tolerance(*b)))
}

/// The difference allowed in an output: that of its own type or of the least precise one that went into it.
fn allowed(output: DataType, least: Option<DataType>) -> f64 {
    let own = compare::tolerance(output);
    match least {
        Some(least) if output.is_float() => own.max(compare::tolerance(least)),
        _ => own,
    }
}
