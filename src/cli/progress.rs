//! A sign of life on standard error for work that takes more than a second, where a person is watching.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use phasor::pipeline::Progress;

/// How long work may take in silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line that turns while one piece of work goes on.
#[derive(Default)]
pub(super) struct Spinner {
    current: Option<(ProgressBar, std::sync::mpsc::Sender<()>)>,
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
        let begun = Instant::now();
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
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
