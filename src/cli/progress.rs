//! Progress on standard error for work that takes more than a second: a spinner on a terminal, otherwise one plain line for each piece
//! of work. With `--verbose` a line for every piece of work and its time, with `--quiet` nothing.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Format;
use super::console::{Verbosity, note, wants};

/// How long work may take before anything is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows one piece of work at a time.
pub(super) struct Spinner {
    /// Whether plain lines are printed: not beside a report for programs.
    lines: bool,
    current: Option<(ProgressBar, std::sync::mpsc::Sender<()>)>,
    steps: Steps,
}

impl Spinner {
    /// The spinner that suits a report of this format.
    pub(super) fn new(format: Format) -> Self {
        Self {
            lines: format == Format::Text,
            current: None,
            steps: Steps::default(),
        }
    }
}

impl Progress for Spinner {
    fn begin(&mut self, what: &str) {
        self.steps.begin(what);
        if !wants(Verbosity::Normal) {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a valid template"),
        );
        bar.set_message(what.to_owned());
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let shown = bar.clone();
        let (what, lines) = (what.to_owned(), self.lines);
        let begun = Instant::now();
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                if !std::io::stderr().is_terminal() {
                    if lines {
                        note(&format!("{what} ...\n"));
                    }
                    return;
                }
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.set_elapsed(begun.elapsed());
                shown.enable_steady_tick(Duration::from_millis(120));
            }
        });
        self.current = Some((bar, done));
    }

    fn end(&mut self) {
        if let Some((bar, done)) = self.current.take() {
            drop(done);
            bar.finish_and_clear();
        }
        self.steps.end();
    }
}

/// Tells of pieces of work that are done, if `--verbose` is given.
#[derive(Default)]
pub(super) struct Steps {
    /// The model that they belong to, if it is one of several.
    model: Option<String>,
    current: Option<(String, Instant)>,
}

impl Steps {
    /// The steps of one of several models.
    pub(super) fn of(model: &Path) -> Self {
        Self {
            model: Some(model.display().to_string()),
            current: None,
        }
    }
}

impl Progress for Steps {
    fn begin(&mut self, what: &str) {
        self.current = Some((what.to_owned(), Instant::now()));
    }

    fn end(&mut self) {
        let Some((what, begun)) = self.current.take() else {
            return;
        };
        if wants(Verbosity::Verbose) {
            let model = self.model.iter().map(|model| format!("`{model}`: "));
            let model: String = model.collect();
            note(&format!(
                "{model}{what}: {:.2} s\n",
                begun.elapsed().as_secs_f64()
            ));
        }
    }
}
