//! Progress on standard error for work that takes more than a second: a spinner on a terminal, otherwise one plain line for each piece
//! of work.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Format, note};

/// How long work may take before anything is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows one piece of work at a time.
pub(super) struct Spinner {
    /// Whether plain lines are printed: not beside a report for programs.
    lines: bool,
    current: Option<(ProgressBar, std::sync::mpsc::Sender<()>)>,
}

impl Spinner {
    /// The spinner that suits a report of this format.
    pub(super) fn new(format: Format) -> Self {
        Self {
            lines: format == Format::Text,
            current: None,
        }
    }
}

impl Progress for Spinner {
    fn begin(&mut self, what: &str) {
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
    }
}
