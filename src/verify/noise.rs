//! How far rounding alone moves the first model's results.
//!
//! The model runs again on sets that it has run: as it is, without its engine's optimisations, with its float inputs moved by a
//! rounding or two, and with the values that the second model computes otherwise moved likewise ([`places`]). The noise of an
//! output is the most that it moved, over all runs and ordinary sets of inputs: far positions make a model move more by itself
//! than it does where it is used, and do not count.

use super::compare::{Noise, compare};
use super::engines::Candidate;
use super::inputs::Signature;
use super::places;
use super::reference::Reference;
use crate::engine::random::Random;
use crate::engine::{Engine, Session, Source};
use crate::onnx::proto::ModelProto;
use crate::onnx::{DataType, Tensor};
use std::path::Path;
use std::time::{Duration, Instant};

/// After this no further set is begun.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sets of inputs that are run anew.
const SETS: usize = 3;
/// Runs with other inputs, and runs with other values at the places, a set.
const RUNS: u64 = 8;

/// The models and how the first one ran.
pub(super) struct Models<'a> {
    pub(super) source: Source<'a>,
    pub(super) a: &'a ModelProto,
    pub(super) b: &'a ModelProto,
    pub(super) names: &'a [String],
    pub(super) signature: &'a Signature,
}

/// The noise of each output, in the order of the names.
pub(super) fn measure(
    subject: &Models<'_>,
    engine: &dyn Engine,
    candidate: &Candidate,
    reference: &Reference,
) -> Vec<Noise> {
    let mut noise = vec![Noise::default(); subject.names.len()];
    let variants = candidate.variants.iter().map(AsRef::as_ref);
    let ways = std::iter::once(engine).chain(variants);
    let mut sessions: Vec<Box<dyn Session>> = ways
        .filter_map(|way| way.open(subject.source).ok())
        .collect();
    let places = movable(subject, engine, reference);
    let mut moving = places.as_ref().and_then(|(model, factors)| {
        let source = Source::Proto(model, folder(subject.source));
        Some((engine.open(source).ok()?, factors))
    });
    let begun = Instant::now();
    let ordinary = reference.known.iter().filter(|known| known.ordinary);
    for (number, known) in ordinary.take(SETS).enumerate() {
        if number > 0 && begun.elapsed() > PATIENCE {
            break;
        }
        let mut run = |session: &mut dyn Session, inputs: &[(String, Tensor)]| {
            let Ok(results) = session.run(inputs, subject.names) else {
                return;
            };
            for ((noise, want), got) in noise.iter_mut().zip(&known.outputs).zip(&results) {
                noise.add(&compare(want, got, 0.0));
            }
        };
        for session in &mut sessions {
            run(session.as_mut(), &known.inputs);
        }
        for seed in 0..RUNS {
            let moved = subject.signature.moved(&known.inputs, seed);
            if let (Some(session), Some(moved)) = (sessions.first_mut(), moved) {
                run(session.as_mut(), &moved);
            }
            if let Some((session, factors)) = &mut moving {
                run(
                    session.as_mut(),
                    &with_factors(&known.inputs, factors, seed),
                );
            }
        }
    }
    noise
}

/// Where a model's external data lies.
fn folder(source: Source<'_>) -> Option<&Path> {
    match source {
        Source::Path(path) => path.parent(),
        Source::Proto(_, folder) => folder,
    }
}

/// The first model with a factor at every place of a float type.
fn movable(
    subject: &Models<'_>,
    engine: &dyn Engine,
    reference: &Reference,
) -> Option<(ModelProto, Vec<(String, DataType)>)> {
    let places = places::find(subject.a, subject.b);
    let known = reference.known.first().filter(|_| !places.is_empty())?;
    let shown = places::shown(subject.a, &places);
    let mut session = engine
        .open(Source::Proto(&shown, folder(subject.source)))
        .ok()?;
    let values = session.run(&known.inputs, &places).ok()?;
    let typed = places
        .into_iter()
        .zip(values.iter().map(|value| value.dtype));
    let floats: Vec<(String, DataType)> = typed.filter(|(_, dtype)| dtype.is_float()).collect();
    (!floats.is_empty()).then(|| places::movable(subject.a, &floats))
}

fn with_factors(
    inputs: &[(String, Tensor)],
    factors: &[(String, DataType)],
    seed: u64,
) -> Vec<(String, Tensor)> {
    let factors = factors.iter().map(|(name, dtype)| {
        let mut random = Random::new(seed, name);
        let factor = random.nudge(dtype.epsilon().unwrap_or_default());
        (name.clone(), Tensor::from_f64_as(*dtype, &[], &[factor]))
    });
    inputs.iter().cloned().chain(factors).collect()
}
