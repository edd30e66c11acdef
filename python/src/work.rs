//! Long work, beside a Python that goes on.
//!
//! The work has a thread of its own and never holds the interpreter's lock. The thread that asked for it waits without the lock, passes
//! progress on to Python, and looks out for signals: after Ctrl-C it raises `KeyboardInterrupt` at once. The work then ends before its next
//! step, and puts no file in place.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use phasor::Progress;
use pyo3::prelude::*;

use crate::errors;

/// How long a signal may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// The stack of a program's main thread, which the rewriter is tested with.
const STACK: usize = 8 << 20;

const BUG: &str = "this is a bug: please report it, with the model if you may share it";

/// The way from the work to whoever waits for it.
pub(crate) struct Steps {
    begun: Sender<String>,
    is_cancelled: Arc<AtomicBool>,
}

/// What unwinds work that nobody waits for any more.
struct Cancelled;

impl Steps {
    /// A test for whether somebody still waits for the result, which fails if not.
    pub(crate) fn wanted(&self) -> impl Fn() -> io::Result<()> + use<> {
        let is_cancelled = Arc::clone(&self.is_cancelled);
        move || match is_cancelled.load(SeqCst) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}

impl Progress for Steps {
    fn begin(&mut self, what: &str) {
        if self.is_cancelled.load(SeqCst) {
            // Not a panic: no hook reports it, and what is temporary is removed.
            resume_unwind(Box::new(Cancelled));
        }
        // Whoever has stopped listening wants nothing.
        let _ = self.begun.send(what.to_owned());
    }

    fn end(&mut self) {}
}

/// Does `work`. `progress` is called with each step that begins.
///
/// # Errors
/// Those of `work` and of `progress`, `KeyboardInterrupt`, and a panic as an exception.
pub(crate) fn run<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&mut Steps) -> PyResult<T> + Send + 'static,
) -> PyResult<T> {
    let (begun, steps) = channel();
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let mut reporter = Steps {
        begun,
        is_cancelled: Arc::clone(&is_cancelled),
    };
    let worker = thread::Builder::new()
        .name("phasor".to_owned())
        .stack_size(STACK)
        .spawn(move || work(&mut reporter))?;
    if let Err(error) = wait(py, progress, &Mutex::new(steps)) {
        is_cancelled.store(true, SeqCst);
        return Err(error);
    }
    match py.detach(|| worker.join()) {
        Ok(result) => result,
        Err(payload) => Err(panicked(payload.as_ref())),
    }
}

/// Waits until the work has ended.
fn wait(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    steps: &Mutex<Receiver<String>>,
) -> PyResult<()> {
    loop {
        let next = || {
            let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.recv_timeout(PATIENCE)
        };
        match (py.detach(next), progress) {
            (Ok(what), Some(progress)) => {
                progress.call1((what,))?;
            }
            (Ok(_), None) => {}
            (Err(RecvTimeoutError::Timeout), _) => {}
            (Err(RecvTimeoutError::Disconnected), _) => return Ok(()),
        }
        py.check_signals()?;
    }
}

fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or(payload.downcast_ref::<&str>().copied());
    let cause = text.unwrap_or("no reason given");
    errors::raise(
        "Error",
        &format!("phasor panicked: {cause}"),
        Some(BUG.to_owned()),
    )
}
