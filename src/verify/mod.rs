//! Compares two models by running both on the same inputs.
//!
//! The first model is the reference. Inputs are random ([`inputs`]) or read from a file ([`npz`]). ONNX Runtime is the preferred
//! engine, because that is where the model will run; without it, or where it cannot run the first model, the embedded
//! engine is used. A fused model is run twice, with kernels (in ONNX Runtime those of the operator library) and without them, so
//! that both kernels and function bodies are compared with the original.
//!
//! A difference is relative to the largest magnitude of the reference ([`compare::Difference`]). What is allowed depends on the least
//! precise float type that the first model computes in: [`compare::tolerance`]. A larger difference is compared with how far the
//! first model moves by itself (`noise`), unless the user gives a tolerance: rounding alone moves quantised and deep models further.
#![forbid(unsafe_code)]

pub mod compare;
mod engines;
pub mod inputs;
mod interface;
mod noise;
pub mod npz;
mod places;
mod reference;
mod report;
mod unfinished;

pub use engines::{Preference, check};
pub use npz::NpzError;
pub use report::{Case, How, Output, Report, Run, Verdict};

use crate::engine::allowance::Allowance;
use crate::engine::{Engine, EngineError, Source};
use crate::onnx::proto::ModelProto;
use crate::onnx::{DataType, ModelFile, names};
use bytes::Bytes;
use engines::{Candidate, Engines};
use inputs::{InputsError, Signature};
use phasor_ops::contract::DOMAIN;
use prost::Message;
use reference::{Given, Reference, Sample, Sets};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of random sets of inputs.
    pub seeds: u64,
    /// Sizes of symbolic dimensions.
    pub dims: BTreeMap<String, i64>,
    /// Archives of inputs to use instead of random ones.
    pub inputs: Vec<PathBuf>,
    /// Which engine to use.
    pub engine: Preference,
    /// ONNX Runtime's library, if the user names it.
    pub onnxruntime: Option<PathBuf>,
    /// The operator library, if the user names it.
    pub operators: Option<PathBuf>,
    /// Libraries of other custom operators that the models use, for ONNX Runtime.
    pub custom_operators: Vec<PathBuf>,
    /// Threads for one operator; 0 lets the engine choose.
    pub threads: usize,
    /// The most seconds that running the models may take, all runs together. What has not run by then is not compared.
    pub seconds: u64,
    /// The largest relative difference allowed, instead of the tolerance of the model's type and the model's own noise.
    pub tolerance: Option<f64>,
    /// Whether a rewritten model is written only if it was compared with the original and agrees.
    pub required: bool,
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
            custom_operators: Vec::new(),
            threads: 0,
            seconds: 60,
            tolerance: None,
            required: false,
        }
    }
}

/// Why a comparison cannot be made.
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
    /// The two models are not versions of one model.
    #[error("the models cannot be compared: {0}")]
    Interface(String),
    /// The requested engine cannot be used.
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
            Error::Engine(error) => error.hint(),
            _ => None,
        }
    }
}

/// Compares two models; `a` is the reference.
///
/// # Errors
/// If a model or its inputs cannot be read, if the models' interfaces differ, or if an engine that the user names cannot
/// be used. If no engine runs `a`, the result is [`Verdict::NotVerified`], not an error.
pub fn run(a: Source<'_>, b: Source<'_>, options: &Options) -> Result<Report, Error> {
    let (file_a, file_b) = (read(a)?, read(b)?);
    let names = interface::outputs(&file_a, &file_b)?;
    let fault = |model: String| move |cause: InputsError| Error::Inputs { model, cause };
    let mut signature = Signature::of(&file_a, &options.dims).map_err(fault(a.label()))?;
    signature.heed(&file_b);
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
    let avoids_empty = signature
        .avoids_empty()
        .filter(|_| options.inputs.is_empty());
    let fused = [&file_a, &file_b].map(|file| uses(file.model(), DOMAIN));
    let Engines {
        engines,
        mut notes,
        warnings,
    } = engines::choose(options, fused.contains(&true))?;
    let allowance = Allowance::of_time(Duration::from_secs(options.seconds));
    let engines: Vec<Candidate> = (engines.into_iter())
        .map(|engine| engine.within(&allowance))
        .collect();
    notes.extend(avoids_empty.map(|node| {
        format!("sets with a size of 0 are left out: ONNX Runtime crashes on them in {node}")
    }));
    let gained = foreign_operators(file_b.model()) > foreign_operators(file_a.model());
    let least = least_precise(&file_a);
    let allowed = |dtype| options.tolerance.unwrap_or_else(|| allowed(dtype, least));
    let sets = Sets {
        seeds: options.seeds,
        far: exact_angles(file_a.model()) == exact_angles(file_b.model()),
        // The second model runs by kernels and without them, and each may take as long as the first.
        allowance: allowance.part(3),
    };

    let mut reasons = Vec::new();
    for engine in &engines {
        let plain = engine.plain.as_ref();
        let library = engine.library.as_deref();
        let compute = |way| Reference::compute(way, a, &names, &signature, &given, &sets);
        // A fused model may have lost its function bodies: then kernels are the reference.
        let result = match (compute(plain), library.filter(|_| fused[0])) {
            (Err(why), Some(library)) => compute(library)
                .map(|reference| (library, reference))
                .map_err(|_| why),
            (result, _) => result.map(|reference| (plain, reference)),
        };
        let (way_of_a, mut reference) = match result {
            Ok(found) => found,
            Err(why) => {
                reasons.push(why);
                continue;
            }
        };
        let mut cases = reference.cases();
        let mut ways: Vec<(How, &dyn Engine)> = Vec::new();
        ways.extend(library.filter(|_| fused[1]).map(|way| (How::Library, way)));
        ways.push((How::Plain, plain));
        for (how, way) in ways {
            let mut session = way.open(b);
            for (case, known) in cases.iter_mut().zip(&reference.known) {
                let results = match &mut session {
                    Ok(session) => interface::takes(&file_b, &known.inputs)
                        .and_then(|()| session.run(&known.inputs, &names)),
                    Err(error) => Err(EngineError::Model(error.to_string())),
                };
                match results {
                    Err(why @ EngineError::Late { .. }) => case.stopped = Some(why.to_string()),
                    results => {
                        case.runs
                            .push(compared(how, results, known, &names, &allowed));
                    }
                }
            }
        }
        let first = |way: &dyn Engine, known: &Sample| match way.run(a, &known.inputs, &names) {
            Ok(_) | Err(EngineError::Late { .. }) => None,
            Err(error) => Some(error.to_string()),
        };
        let second = |way: &dyn Engine, known: &Sample| {
            let results = way.run(b, &known.inputs, &names);
            results.is_ok_and(|results| {
                let run = compared(How::Plain, Ok(results), known, &names, &allowed);
                let mut outputs = run.outputs.iter();
                outputs.all(|output| output.difference.standing() == compare::Standing::Agrees)
            })
        };
        leave_out_lucky(
            &mut cases,
            &mut reference,
            engine,
            gained,
            (&first, &second),
        );
        if let (true, Some(why)) = (engine.is_embedded && gained, report::error(&cases)) {
            reasons.push(format!(
                "{} does not run the second model: {why}",
                plain.name()
            ));
            continue;
        }
        notes.append(&mut reasons);
        notes.append(&mut reference.notes);
        if options.tolerance.is_none() && report::asks_for_noise(&cases) {
            let subject = noise::Models {
                source: a,
                a: file_a.model(),
                b: file_b.model(),
                names: &names,
                signature: &signature,
            };
            let noise = noise::measure(&subject, way_of_a, engine, &reference);
            report::with_noise(&mut cases, &noise);
        }
        let ordinary = reference.known.iter().map(|known| known.ordinary);
        let (left_out, none) = unfinished::leave_out(&mut cases, ordinary);
        notes.extend(left_out);
        let verdict = match (unfinished::judge(&cases, allowance.ended_a_run()), none) {
            (Verdict::Same, Some(why)) => Verdict::NotVerified { why },
            (verdict, _) => verdict,
        };
        let operators = engine.operators.clone().filter(|_| fused[1]);
        return Ok(Report {
            verdict,
            engine: Some(plain.name()),
            operators,
            warnings,
            notes,
            cases,
            late: allowance.ended_a_run(),
        });
    }
    let why = if reasons.is_empty() {
        "no engine is available".to_owned()
    } else {
        reasons.join("; ")
    };
    Ok(Report {
        warnings,
        notes,
        late: allowance.ended_a_run(),
        ..Report::not_verified(why)
    })
}

/// Why the first model fails on a set, if it does.
type Fails<'f> = &'f dyn Fn(&dyn Engine, &Sample) -> Option<String>;
/// Whether the second model runs on a set and agrees.
type Agrees<'f> = &'f dyn Fn(&dyn Engine, &Sample) -> bool;

/// Leaves out the corner sets on which the second model fails where that is no fault of its own: the first runs there by luck, for
/// without its engine's optimisations, which drop nodes that would fail, it does not; or those optimisations break the second,
/// which agrees without them; or the second has operators of others (`foreign`), which the embedded engine knows in part and
/// which need not take tensors of no elements.
fn leave_out_lucky(
    cases: &mut Vec<Case>,
    reference: &mut Reference,
    engine: &Candidate,
    foreign: bool,
    (fails, agrees): (Fails<'_>, Agrees<'_>),
) {
    let mut position = 0;
    while position < cases.len() {
        let (case, known) = (&cases[position], &reference.known[position]);
        let error = case.runs.iter().find_map(|run| run.error.clone());
        let why = match error.filter(|_| !known.ordinary) {
            None => None,
            Some(error) if foreign && (engine.is_embedded || known.is_empty()) => Some(error),
            Some(_) => {
                let mut variants = engine.variants.iter().map(AsRef::as_ref);
                let lucky = variants.clone().find_map(|way| fails(way, known));
                let broken = |way: &dyn Engine| {
                    format!(
                        "the optimisations of {} break the second model there, which agrees without them",
                        way.name()
                    )
                };
                lucky.or_else(|| {
                    variants
                        .next()
                        .filter(|way| agrees(*way, known))
                        .map(broken)
                })
            }
        };
        if let Some(why) = why {
            let note = format!(
                "`{}`, which the first model runs, is left out: {why}",
                case.inputs
            );
            reference.notes.push(note);
            cases.remove(position);
            reference.known.remove(position);
        } else {
            position += 1;
        }
    }
}

/// One run of the second model, compared with the first.
fn compared(
    how: How,
    results: Result<Vec<crate::onnx::Tensor>, EngineError>,
    known: &Sample,
    names: &[String],
    allowed: &dyn Fn(DataType) -> f64,
) -> Run {
    let mut run = Run {
        how,
        error: None,
        outputs: Vec::new(),
    };
    match results {
        Err(error) => run.error = Some(error.to_string()),
        Ok(results) => {
            for ((name, want), got) in names.iter().zip(&known.outputs).zip(&results) {
                run.outputs.push(Output {
                    name: name.clone(),
                    dtype: want.dtype.to_string(),
                    shape: want.shape.clone(),
                    difference: compare::compare(want, got, allowed(want.dtype)),
                });
            }
        }
    }
    run
}

/// An opened model, to be run: from its file, or from memory if it has none.
pub fn source(file: &ModelFile) -> Source<'_> {
    match file.is_in_memory() {
        true => Source::Proto(file.model(), None),
        false => Source::Path(file.path()),
    }
}

/// Opens a model to inspect it. A model in memory is encoded for that; its weights are shared.
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

/// Whether a model calls operators of a domain, be it in bodies or functions.
fn uses(model: &ModelProto, domain: &str) -> bool {
    names::nodes(model).any(|node| node.domain() == domain)
}

/// How many nodes rotate or attend by an operator of ONNX or ONNX Runtime. The embedded engine knows these in part: where it does not run a
/// model that gained some, the model may be sound.
fn foreign_operators(model: &ModelProto) -> usize {
    let operators = ["RotaryEmbedding", "Attention", "MultiHeadAttention"];
    names::nodes(model)
        .filter(|node| operators.contains(&node.op_type()) && node.domain() != DOMAIN)
        .count()
}

/// How many operators compute angles exactly. At large positions such a model differs on purpose from one that rounds them.
fn exact_angles(model: &ModelProto) -> usize {
    names::nodes(model)
        .filter(|node| matches!(node.op_type(), "RotaryTable" | "SinusoidalEmbedding"))
        .filter(|node| node.domain() == DOMAIN)
        .filter(|node| node.int("precise").is_some_and(|precise| precise != 0))
        .count()
}

/// The least precise float type among inputs, initializers and casts; `None` if there is no float at all.
fn least_precise(file: &ModelFile) -> Option<DataType> {
    let graph = file.graph();
    let casts = graph.node.iter().filter(|node| node.op_type() == "Cast");
    let to = casts.filter_map(|node| node.int("to")).map(|to| to as i32);
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
