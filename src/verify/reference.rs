//! What the first model computes, and on which inputs it runs.
//!
//! The model is loaded once. Random inputs are generated only after that, and only if nothing rules out that it runs
//! ([`Session::check`]). Sizes are tried until it runs; from then on only sizes are used with which it does. After the sets of
//! the seeds come corner sets ([`Signature::corners`]), as long as they take little time. A set on which the first model does not run
//! is skipped silently, because nothing follows from it.

use super::inputs::{Assignment, Signature};
use super::report::Case;
use crate::engine::allowance::Allowance;
use crate::engine::{Engine, EngineError, Session, Source};
use crate::onnx::Tensor;
use std::time::{Duration, Instant};

/// How long the first model may take for all corner sets. After that the rest is left out, so large models get fewer.
const PATIENCE: Duration = Duration::from_millis(500);
/// After so many choices of sizes for which a model failed to load with the same words, it will not load at all.
const HOPELESS: usize = 3;
/// The same for a model that loads and fails while it runs, always for the same cause.
const HOPELESS_RUNS: usize = 12;
/// Most elements of all inputs generated for sizes that do not run.
const IN_VAIN: usize = 1 << 27;

/// Inputs that the user gives: their file's name, the sizes that follow from them, and the tensors.
pub(super) type Given = (String, Assignment, Vec<(String, Tensor)>);

/// Which random inputs are made, and what running the model on them may take.
#[derive(Clone)]
pub(super) struct Sets {
    /// How many ordinary ones.
    pub(super) seeds: u64,
    /// Whether very large positions may be among the others.
    pub(super) far: bool,
    /// What the runs may take.
    pub(super) allowance: Allowance,
}

/// What the first model computes.
pub(super) struct Reference {
    pub(super) known: Vec<Sample>,
    pub(super) notes: Vec<String>,
}

/// One set of inputs and what comes out.
pub(super) struct Sample {
    pub(super) label: String,
    pub(super) assignment: Assignment,
    pub(super) inputs: Vec<(String, Tensor)>,
    pub(super) outputs: Vec<Tensor>,
    /// Whether it is of the sets that noise is measured on: no corner.
    pub(super) ordinary: bool,
}

impl Sample {
    /// Whether an input has no elements.
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.iter().any(|(_, tensor)| tensor.is_empty())
    }
}

impl Reference {
    /// Runs the first model.
    ///
    /// # Errors
    /// Why it does not run, in a sentence.
    pub(super) fn compute(
        engine: &dyn Engine,
        model: Source<'_>,
        names: &[String],
        signature: &Signature,
        given: &[Given],
        sets: &Sets,
    ) -> Result<Reference, String> {
        let mut session = engine.open(model).map_err(|e| e.to_string())?;
        session.bound(&sets.allowance);
        session.check(names).map_err(|e| e.to_string())?;
        let session = session.as_mut();
        let mut reference = Reference {
            known: Vec::new(),
            notes: Vec::new(),
        };
        if given.is_empty() {
            reference.seeds(session, names, signature, sets.seeds, engine)?;
            reference.corners(session, names, signature, sets);
            return Ok(reference);
        }
        for (label, assignment, inputs) in given {
            let outputs = session
                .run(inputs, names)
                .map_err(|e| format!("{label}: {e}"))?;
            let (label, assignment, inputs) = (label.clone(), assignment.clone(), inputs.clone());
            reference.known.push(Sample {
                label,
                assignment,
                inputs,
                outputs,
                ordinary: true,
            });
        }
        Ok(reference)
    }

    fn seeds(
        &mut self,
        session: &mut dyn Session,
        names: &[String],
        signature: &Signature,
        seeds: u64,
        engine: &dyn Engine,
    ) -> Result<(), String> {
        for seed in 0..seeds.max(1) {
            let mut tries = signature.assignments(seed);
            if let Some(last) = self.known.last() {
                // Its own sizes once, then those that are known to work, with its own switches and with those that are.
                tries.truncate(1);
                let own = tries.iter().map(|own| own.switches).next();
                tries.push(Assignment {
                    switches: own.unwrap_or(last.assignment.switches),
                    ..last.assignment.clone()
                });
                tries.push(last.assignment.clone());
                tries.dedup();
            }
            match first_that_runs(session, names, signature, tries, seed) {
                Ok((assignment, inputs, outputs)) => self.known.push(Sample {
                    label: format!("seed {seed}"),
                    assignment,
                    inputs,
                    outputs,
                    ordinary: true,
                }),
                // Whether a model runs may depend on the values; one case is enough to compare.
                Err(why) if !self.known.is_empty() => {
                    self.notes.push(format!("seed {seed} is left out: {why}"));
                }
                Err(why) => return Err(format!("{}: {why}", engine.name())),
            }
        }
        Ok(())
    }

    fn corners(
        &mut self,
        session: &mut dyn Session,
        names: &[String],
        signature: &Signature,
        sets: &Sets,
    ) {
        let Some(working) = self.known.last().map(|known| known.assignment.clone()) else {
            return;
        };
        let begun = Instant::now();
        let corners = signature.corners(&working, sets.far);
        for (seed, (label, assignment)) in (sets.seeds.max(1)..).zip(corners) {
            if begun.elapsed() > PATIENCE {
                self.notes.push(format!(
                    "`{label}` and the sets of inputs after it are left out: the model is slow"
                ));
                return;
            }
            let Ok(inputs) = signature.make(&assignment, seed) else {
                continue;
            };
            match session.run(&inputs, names) {
                Ok(outputs) => self.known.push(Sample {
                    label,
                    assignment,
                    inputs,
                    outputs,
                    ordinary: false,
                }),
                Err(why @ EngineError::Late { .. }) => {
                    self.notes.push(format!("`{label}` is left out: {why}"));
                }
                Err(_) => {}
            }
        }
    }

    /// The sets of inputs, for the report.
    pub(super) fn cases(&self) -> Vec<Case> {
        let case = |known: &Sample| Case {
            inputs: known.label.clone(),
            dims: known.assignment.sizes.clone(),
            runs: Vec::new(),
            stopped: None,
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
    let (mut count, mut made, mut alike, mut hopeless) = (0, 0usize, 0, false);
    let (mut first, mut last) = (None, String::new());
    for assignment in tries {
        made = made.saturating_add(signature.elements(&assignment).unwrap_or(0));
        if hopeless || count > 0 && made > IN_VAIN {
            break;
        }
        count += 1;
        let why = match signature.make(&assignment, seed) {
            Ok(inputs) => match session.run(&inputs, names) {
                Ok(outputs) => return Ok((assignment, inputs, outputs)),
                Err(late @ EngineError::Late { .. }) => return Err(format!("not run: {late}")),
                Err(error) => {
                    let why = error.to_string();
                    // Engines number the nodes of a graph that they have optimised for the sizes: the cause stands behind them.
                    let (cause, most) = match error {
                        EngineError::Load { .. } => (&why[..], HOPELESS),
                        _ => (why.rsplit(": ").next().unwrap_or(&why), HOPELESS_RUNS),
                    };
                    alike = if cause == last { alike + 1 } else { 1 };
                    hopeless = alike == most;
                    cause.clone_into(&mut last);
                    why
                }
            },
            Err(cause) => cause.to_string(),
        };
        let sizes = assignment.sizes.iter();
        let sizes: Vec<String> = sizes.map(|(name, n)| format!("{name}={n}")).collect();
        first.get_or_insert_with(|| format!("{why} (sizes {})", sizes.join(" ")));
    }
    let first = first.unwrap_or_else(|| "no sizes to try".to_owned());
    Err(format!(
        "the first model ran with none of {count} choices of sizes; the first choice failed with: {first}"
    ))
}
