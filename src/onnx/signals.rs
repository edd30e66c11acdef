//! Removes temporary files when a signal ends the process.
//!
//! [`clean_up_on_signals`] sets handlers for the signals that end a process. A handler removes what is on the list of
//! temporary files and then lets the signal do what it always does, so that a shell or a parent process sees the exit status
//! it expects. A commit is not interrupted: a signal that arrives during one is handled after it, unless it cannot wait.
//!
//! In a handler nothing may allocate or wait for a lock. The list therefore only grows, by entries that are complete before
//! they can be seen, and an entry that is done with is switched off.
#![allow(unsafe_code)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use signal_hook::consts::signal;
use signal_hook::low_level::{emulate_default_handler, register};

/// How a path is kept for a handler.
#[cfg(unix)]
type Kept = std::ffi::CString;
#[cfg(not(unix))]
type Kept = std::path::PathBuf;

/// A temporary file or folder that a signal would remove.
#[derive(Debug)]
pub(super) struct Entry {
    path: Kept,
    is_folder: bool,
    is_live: AtomicBool,
    next: OnceLock<&'static Entry>,
}

impl Entry {
    /// There is nothing to be removed any more.
    pub(super) fn forget(&self) {
        self.is_live.store(false, SeqCst);
    }
}

static FIRST: OnceLock<&'static Entry> = OnceLock::new();
/// Held while the list grows.
static GROWING: Mutex<()> = Mutex::new(());
static ARE_HANDLED: AtomicBool = AtomicBool::new(false);
static IS_COMMITTING: AtomicBool = AtomicBool::new(false);
/// A signal that came during a commit; 0 for none.
static PENDING: AtomicI32 = AtomicI32::new(0);

/// Removes the temporary files of this process when a signal ends it. For programs, early in `main`: handlers belong to the
/// whole process. A signal that is ignored, as `nohup` arranges, stays so.
///
/// A write beyond a limit on file sizes becomes an error of that write, instead of the end of the process.
pub fn clean_up_on_signals() {
    if ARE_HANDLED.swap(true, SeqCst) {
        return;
    }
    let ignored = ignored();
    let handled = ENDING.iter().filter(|s| ignored & (1 << (**s - 1)) == 0);
    for &signal in handled {
        // SAFETY: the handler reads and writes atomics, makes system calls that POSIX allows in handlers, and neither
        // allocates, locks nor panics. Where there is no POSIX the system runs it in a thread of its own.
        // A signal that takes no handler keeps what it does.
        let _ = unsafe { register(signal, move || end(signal)) };
    }
    #[cfg(unix)]
    {
        let reached = std::sync::Arc::new(AtomicBool::new(false));
        let _ = signal_hook::flag::register(signal::SIGXFSZ, reached);
    }
}

/// The signals that end a process and may be handled. `SIGABRT` is what memory that runs out and a full stack end in, `SIGBUS`
/// what a mapped file that was cut off does.
#[cfg(target_os = "linux")]
const ENDING: &[i32] = &[
    signal::SIGINT,
    signal::SIGTERM,
    signal::SIGHUP,
    signal::SIGQUIT,
    signal::SIGXCPU,
    signal::SIGABRT,
    signal::SIGBUS,
];
/// Elsewhere it is not known whether `SIGHUP` is ignored, and `SIGBUS` is the full stack as well, on which no handler runs.
#[cfg(all(unix, not(target_os = "linux")))]
const ENDING: &[i32] = &[
    signal::SIGINT,
    signal::SIGTERM,
    signal::SIGQUIT,
    signal::SIGXCPU,
    signal::SIGABRT,
];
#[cfg(not(unix))]
const ENDING: &[i32] = &[signal::SIGINT, signal::SIGTERM];

/// The signals that the process ignores, as bits from that of signal 1 on.
fn ignored() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// The handler.
fn end(signal: i32) {
    // What raises this one does not come back.
    let waits = signal != signal::SIGABRT;
    #[cfg(unix)]
    let waits = waits && signal != signal::SIGBUS;
    if waits && IS_COMMITTING.load(SeqCst) {
        PENDING.store(signal, SeqCst);
        return;
    }
    remove_all();
    let _ = emulate_default_handler(signal);
}

/// Puts a path on the list, before it is made; nothing if no signals are handled.
pub(super) fn note(path: &Path, is_folder: bool) -> Option<&'static Entry> {
    if !ARE_HANDLED.load(SeqCst) {
        return None;
    }
    let entry: &'static Entry = Box::leak(Box::new(Entry {
        path: kept(path)?,
        is_folder,
        is_live: AtomicBool::new(true),
        next: OnceLock::new(),
    }));
    let _growing = GROWING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut slot = &FIRST;
    while let Some(entry) = slot.get() {
        slot = &entry.next;
    }
    let _ = slot.set(entry);
    Some(entry)
}

/// The path from the root on: the working directory may change.
fn kept(path: &Path) -> Option<Kept> {
    let path = std::path::absolute(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Kept::new(path.as_os_str().as_bytes()).ok()
    }
    #[cfg(not(unix))]
    Some(path)
}

fn live(folders: bool) -> impl Iterator<Item = &'static Entry> {
    let all = std::iter::successors(FIRST.get().copied(), |entry| entry.next.get().copied());
    all.filter(move |e| e.is_folder == folders && e.is_live.load(SeqCst))
}

fn remove_all() {
    for entry in live(false) {
        remove(entry);
    }
    // Outer folders come before inner ones, and only empty ones can be removed.
    while live(true).any(remove) {}
}

#[cfg(unix)]
fn remove(entry: &Entry) -> bool {
    use rustix::fs::{AtFlags, CWD, unlinkat};
    let how = if entry.is_folder {
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    unlinkat(CWD, entry.path.as_c_str(), how).is_ok()
}

#[cfg(not(unix))]
fn remove(entry: &Entry) -> bool {
    if entry.is_folder {
        std::fs::remove_dir(&entry.path).is_ok()
    } else {
        std::fs::remove_file(&entry.path).is_ok()
    }
}

/// Held by the one commit that is under way.
static COMMITS: Mutex<()> = Mutex::new(());

/// Does `work`, one at a time, with the signals that can wait served after it.
pub(super) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    /// Serves what waits, also when `work` unwinds.
    struct Served;
    impl Drop for Served {
        fn drop(&mut self) {
            IS_COMMITTING.store(false, SeqCst);
            let signal = PENDING.swap(0, SeqCst);
            if signal != 0 {
                end(signal);
            }
        }
    }
    let _alone = COMMITS.lock().unwrap_or_else(PoisonError::into_inner);
    IS_COMMITTING.store(true, SeqCst);
    let _served = Served;
    work()
}
