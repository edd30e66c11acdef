//! Several models at once: threads take them from the command line one by one, and what they say comes out in that order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::console::{complain, failure, print_line, remark};
use super::output::one_stream;
use super::progress::Spinner;
use super::streams::is_stream;
use super::{Ending, Format};
use crate::Progress;
use clap::Args;
use serde::Serialize;

/// Stack of a thread: what the first thread of a process has.
const STACK: usize = 8 << 20;

/// How many models are worked on at a time.
#[derive(Args, Clone, Copy)]
pub(super) struct Jobs {
    /// Models to work on at a time, where several are given; by default as many as there are processors
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl Jobs {
    fn of(&self, models: usize) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        self.jobs.map_or_else(processors, usize::from).min(models)
    }
}

/// Whose turn it is to print.
#[derive(Default)]
struct Line {
    next: Mutex<usize>,
    moved: Condvar,
}

/// The place of one model in the line.
pub(super) struct Turn<'l> {
    line: &'l Line,
    place: usize,
    /// Shown until something is printed.
    waiting: &'l Mutex<Spinner>,
    reported: AtomicBool,
}

impl Turn<'_> {
    /// Waits until all models before this one have said what they have to say.
    pub(super) fn wait(&self) {
        let next = self
            .line
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let others = |next: &mut usize| *next != self.place;
        drop(self.line.moved.wait_while(next, others));
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end();
    }

    /// Tells of an error.
    fn fail(&self, error: &anyhow::Error, model: &Path, format: Format) {
        self.wait();
        complain(error);
        if format == Format::Json && !self.reported.load(Ordering::Relaxed) {
            // That standard output is closed is what may be wrong.
            let _ = print_line(&failure(error, Some(model)));
        }
    }

    /// Prints the report of the model for programs.
    pub(super) fn print(&self, report: &impl Serialize) -> std::io::Result<()> {
        self.wait();
        print_line(report)?;
        self.reported.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.wait();
        *self
            .line
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += 1;
        self.line.moved.notify_all();
    }
}

/// What became of a model, in a word of the summary, such as `fused`.
pub(super) struct Outcome {
    pub(super) ending: Ending,
    pub(super) word: &'static str,
}

impl Outcome {
    const FAILED: Self = Self {
        ending: Ending::Failed,
        word: "failed",
    };
}

/// Does `work` on each model and reports what fails; the result is the worst ending, after a summary of all. `doing` is what is done, such
/// as `fusing`.
///
/// # Errors
/// Standard input among the models.
pub(super) fn run(
    models: &[PathBuf],
    jobs: &Jobs,
    format: Format,
    doing: &str,
    work: impl Fn(usize, &Path, &Turn<'_>) -> anyhow::Result<Outcome> + Sync,
) -> anyhow::Result<Ending> {
    if models.iter().any(|model| is_stream(model)) {
        return Err(one_stream().into());
    }
    let (line, taken) = (Line::default(), AtomicUsize::new(0));
    let waiting = Mutex::new(Spinner::new(format));
    let threads = jobs.of(models.len());
    waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .begin(&format!("{doing} {} models", models.len()));
    let outcomes = Mutex::new(Vec::with_capacity(models.len()));
    let take = || {
        loop {
            let place = taken.fetch_add(1, Ordering::Relaxed);
            let Some(model) = models.get(place) else {
                return;
            };
            let turn = Turn {
                line: &line,
                place,
                waiting: &waiting,
                reported: AtomicBool::new(false),
            };
            // The hook of panics says where.
            let done = panic::catch_unwind(AssertUnwindSafe(|| work(place, model, &turn)));
            let outcome = match done {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => {
                    turn.fail(&error, model, format);
                    Outcome::FAILED
                }
                Err(_) => {
                    let error = anyhow::anyhow!("`{}`: phasor panicked", model.display());
                    turn.fail(&error, model, format);
                    Outcome::FAILED
                }
            };
            outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // With fewer threads than wanted the others take all models.
            let _ = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, take);
        }
        take();
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if format == Format::Text {
        remark(&summary(&outcomes));
    }
    let endings = outcomes.iter().map(|outcome| outcome.ending);
    Ok(endings.max().unwrap_or(Ending::Good))
}

/// `12 models: 9 fused, 2 with nothing to fuse, 1 failed`.
fn summary(outcomes: &[Outcome]) -> String {
    let mut counts: BTreeMap<(Ending, &str), usize> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry((outcome.ending, outcome.word)).or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|((_, word), count)| format!("{count} {word}"));
    let counts: Vec<String> = counts.collect();
    format!("{} models: {}\n", outcomes.len(), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(number: usize) -> Vec<PathBuf> {
        (0..number)
            .map(|place| PathBuf::from(place.to_string()))
            .collect()
    }

    fn jobs(number: u16) -> Jobs {
        Jobs { jobs: Some(number) }
    }

    fn outcome(ending: Ending) -> anyhow::Result<Outcome> {
        Ok(Outcome {
            ending,
            word: "done",
        })
    }

    #[test]
    fn what_is_said_comes_in_the_order_of_the_models() {
        for threads in [1, 3, 8] {
            let said = Mutex::new(Vec::new());
            let ended = run(
                &models(20),
                &jobs(threads),
                Format::Text,
                "trying",
                |place, _, turn| {
                    thread::sleep(std::time::Duration::from_millis(20 - place as u64));
                    turn.wait();
                    said.lock().unwrap().push(place);
                    outcome(Ending::Good)
                },
            );
            assert_eq!(ended.unwrap(), Ending::Good);
            assert_eq!(*said.lock().unwrap(), Vec::from_iter(0..20));
        }
    }

    #[test]
    fn the_worst_ending_counts_and_one_failure_stops_no_other() {
        let done = AtomicUsize::new(0);
        let ended = run(
            &models(9),
            &jobs(2),
            Format::Text,
            "trying",
            |place, _, _| {
                done.fetch_add(1, Ordering::Relaxed);
                match place {
                    1 => anyhow::bail!("no model"),
                    2 => panic!("a mistake"),
                    3 => outcome(Ending::Negative),
                    _ => outcome(Ending::Good),
                }
            },
        );
        assert_eq!(ended.unwrap(), Ending::Failed);
        assert_eq!(done.into_inner(), 9);
    }

    #[test]
    fn the_summary_counts_words() {
        let all = [
            (Ending::Good, "fused"),
            (Ending::Failed, "failed"),
            (Ending::Good, "fused"),
        ];
        let all = all.map(|(ending, word)| Outcome { ending, word });
        assert_eq!(summary(&all), "3 models: 2 fused, 1 failed\n");
    }
}
