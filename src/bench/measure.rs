//! The measurement itself.
//!
//! In every round all sessions are made anew, since where the weights come to lie decides some per cent, run twice, and then timed in
//! turns, in an order that changes with every turn. The original takes part twice: by how much the two differ is what noise there is.
//! A ratio is the median of a round's turns, and of the rounds.

use std::time::{Duration, Instant};

use super::parts::{self, Parts};
use super::runtime::{Candidate, Inputs, candidates, found, is_like, working};
use super::{Measurement, Options, Variant, memory, profile, statistics};
use crate::engine::ort::Prepared;
use crate::engine::{Engine, EngineError};
use crate::onnx::{ModelFile, Tensor};
use crate::pipeline::Progress;
use crate::verify::Error;
use cpu_time::ProcessTime;

/// Turns of a round at least, and at most.
const TURNS: [usize; 2] = [4, 1_000_000];
/// Runs that are profiled.
const PROFILED: usize = 4;

/// As [`super::run`].
pub(super) fn run(
    before: &ModelFile,
    after: &ModelFile,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Measurement, Error> {
    let ort = found(options)?;
    let mut notes = Vec::new();
    let candidates = candidates(before, after, &ort, options, &mut notes)?;
    progress.begin("trying the models");
    let inputs = working(before, &ort, &options.dims)?;
    if !is_like(after, &ort, &inputs)? {
        notes
            .push("the results of the two models differ: `phasor verify` compares them".to_owned());
    }
    progress.end();
    progress.begin("looking for position encodings");
    let parts = Parts::of(before).unwrap_or_else(|error| {
        notes.push(format!("the parts of the original are not known: {error}"));
        Parts::default()
    });
    if parts.nameless > 0 {
        notes.push(format!(
            "{} nodes of position encodings and attention in the original have no name, and are counted by their operators",
            parts.nameless
        ));
    }
    progress.end();
    progress.begin("measuring memory");
    let memory = footprints(&candidates, &inputs, options, &mut notes);
    progress.end();
    let mut rounds: Vec<Vec<Vec<Duration>>> = Vec::with_capacity(options.rounds);
    for round in 1..=options.rounds.max(1) {
        progress.begin(&format!("round {round} of {}", options.rounds.max(1)));
        rounds.push(timed(&candidates, &inputs.tensors, options)?);
        progress.end();
    }
    progress.begin("timing the nodes");
    let profiles = [0, candidates.len() - 1].map(|k| profiled(&candidates[k], &inputs.tensors));
    progress.end();
    let [first, last] = profiles;
    let (first, last) = (first?, last?);
    let variants = candidates.iter().enumerate().map(|(k, candidate)| {
        let seconds =
            |times: &[Duration]| -> Vec<f64> { times.iter().map(Duration::as_secs_f64).collect() };
        let all: Vec<f64> = rounds.iter().flat_map(|round| seconds(&round[k])).collect();
        let ratio = |round: &Vec<Vec<Duration>>| {
            let pairs = seconds(&round[0]).into_iter().zip(seconds(&round[k]));
            statistics::median(pairs.map(|(original, own)| original / own).collect())
        };
        let ratios: Vec<f64> = rounds.iter().map(ratio).collect();
        Variant {
            model: candidate.model.display().to_string(),
            library: candidate
                .library
                .as_ref()
                .map(|path| path.display().to_string()),
            milliseconds: 1e3 * statistics::median(all),
            ratio: statistics::median(ratios.clone()),
            interval: statistics::interval(ratios),
            memory: memory[k],
        }
    });
    Ok(Measurement {
        engine: ort.name(),
        threads: options.threads,
        time: if options.threads == 1 {
            "processor"
        } else {
            "clock"
        },
        sizes: inputs.sizes,
        rounds: rounds.len(),
        runs: rounds.iter().map(|round| round[0].len()).sum(),
        variants: variants.collect(),
        parts: parts::by_part(&parts, &first, &last),
        operators: profile::by_operator(&first, &last),
        notes,
    })
}

/// The memory that each candidate takes, where that is known; the original's counts once.
fn footprints(
    candidates: &[Candidate<'_>],
    inputs: &Inputs,
    options: &Options,
    notes: &mut Vec<String>,
) -> Vec<Option<u64>> {
    let mut footprint = |(k, candidate): (usize, &Candidate<'_>)| {
        if k == 1 {
            return None;
        }
        let measured = memory::measured(candidate, inputs, options);
        let note = |cause| {
            format!(
                "the memory of `{}` was not measured: {cause}",
                candidate.model.display()
            )
        };
        measured.map_err(|cause| notes.push(note(cause))).ok()
    };
    candidates.iter().enumerate().map(&mut footprint).collect()
}

/// One round: the times of each candidate, turn by turn.
fn timed(
    candidates: &[Candidate<'_>],
    inputs: &[(String, Tensor)],
    options: &Options,
) -> Result<Vec<Vec<Duration>>, Error> {
    let open = |candidate: &Candidate<'_>| candidate.ort.prepare(candidate.model, inputs, None);
    let mut sessions: Vec<Prepared> = candidates.iter().map(open).collect::<Result<_, _>>()?;
    let mut original = Duration::MAX;
    for session in &mut sessions {
        session.run()?;
        let time = time(session, options)?;
        original = original.min(time);
    }
    let turns = options.seconds / original.as_secs_f64().max(1e-6);
    let turns = (turns as usize).clamp(TURNS[0], TURNS[1]);
    let mut times = vec![Vec::new(); candidates.len()];
    for turn in 0..turns {
        for step in 0..sessions.len() {
            // Forwards and backwards, from another one each time.
            let place = (turn / 2 + step) % sessions.len();
            let place = if turn % 2 == 0 {
                place
            } else {
                sessions.len() - 1 - place
            };
            times[place].push(time(&mut sessions[place], options)?);
        }
    }
    Ok(times)
}

fn time(session: &mut Prepared, options: &Options) -> Result<Duration, EngineError> {
    let (clock, processor) = (Instant::now(), ProcessTime::now());
    session.run()?;
    Ok(match options.threads {
        1 => processor.elapsed(),
        _ => clock.elapsed(),
    })
}

/// The times of a candidate's nodes by operator.
fn profiled(
    candidate: &Candidate<'_>,
    inputs: &[(String, Tensor)],
) -> Result<profile::Times, Error> {
    let failed = |cause: String| EngineError::Run {
        engine: candidate.ort.name(),
        cause: format!("its profile cannot be read: {cause}"),
    };
    let folder = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
    let prefix = folder.path().join("profile");
    let mut prepared = candidate
        .ort
        .prepare(candidate.model, inputs, Some(&prefix))?;
    for _ in 0..PROFILED {
        prepared.run()?;
    }
    let text = std::fs::read(prepared.profile()?).map_err(|error| failed(error.to_string()))?;
    Ok(profile::times(&text).map_err(failed)?)
}
