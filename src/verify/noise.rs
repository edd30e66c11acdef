//! How far the first model's results move by themselves.
//!
//! The model is run anew on sets that it has run: as it is, without its engine's optimisations, with its float inputs moved by a
//! rounding or two, and with the values that the second model computes otherwise moved likewise ([`places`]). The noise of an
//! output is the most that it moved, over all runs and ordinary sets of inputs: far positions make a model move more by itself
//! than it does where it is used, and are no excuse.

use super::compare::{Noise, compare};
use super::engines::Candidate;
use super::inputs::Signature;
use super::places;
use super::reference::{Known, Reference};
use crate::engine::random::Random;
use crate::engine::{Engine, Source};
use crate::onnx::proto::ModelProto;
use crate::onnx::{DataType, Tensor};
use std::path::Path;

/// Sets of inputs that are run anew.
const SETS: usize = 3;
/// Runs with other inputs, and runs with other values at the places, a set.
const RUNS: u64 = 8;

/// The models and how the first one ran.
pub(super) struct Subject<'a> {
    pub(super) source: Source<'a>,
    pub(super) a: &'a ModelProto,
    pub(super) b: &'a ModelProto,
    pub(super) names: &'a [String],
    pub(super) signature: &'a Signature,
}

/// The noise of each output, in the order of the names.
pub(super) fn measure(
    subject: &Subject<'_>,
    engine: &dyn Engine,
    candidate: &Candidate,
    reference: &Reference,
) -> Vec<Noise> {
    let mut noise = vec![Noise::default(); subject.names.len()];
    let ordinary = || reference.known.iter().filter(|k| k.ordinary).take(SETS);
    let mut take = |known: &Known, results: &[Tensor]| {
        for ((noise, want), got) in noise.iter_mut().zip(&known.outputs).zip(results) {
            noise.add(&compare(want, got, 0.0));
        }
    };
    let variants = candidate.variants.iter().map(AsRef::as_ref);
    for (number, way) in std::iter::once(engine).chain(variants).enumerate() {
        let Ok(mut session) = way.open(subject.source) else {
            continue;
        };
        for known in ordinary() {
            let mut run = |inputs: &[(String, Tensor)]| {
                if let Ok(results) = session.run(inputs, subject.names) {
                    take(known, &results);
                }
            };
            run(&known.inputs);
            let seeds = if number == 0 { 0..RUNS } else { 0..0 };
            for seed in seeds {
                let Some(moved) = subject.signature.moved(&known.inputs, seed) else {
                    break;
                };
                run(&moved);
            }
        }
    }
    let Some((model, factors)) = movable(subject, engine, reference) else {
        return noise;
    };
    let folder = folder(subject.source);
    if let Ok(mut session) = engine.open(Source::Proto(&model, folder)) {
        for known in ordinary() {
            for seed in 0..RUNS {
                let inputs = with_factors(&known.inputs, &factors, seed);
                if let Ok(results) = session.run(&inputs, subject.names) {
                    take(known, &results);
                }
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
    subject: &Subject<'_>,
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
