//! Temporary files and folders beside an output, all of which are removed.
//!
//! They are called `.OUTPUT.phasor-XXXXXXXX`, models with `.onnx` at the end, and are removed when they are dropped and when
//! a signal ends the process. If a process is killed without warning, or loses power, the next one with the same
//! output removes what it left. A lock on a file shows whether its owner is alive: the system releases it with the owner, on
//! whichever machine or in whichever container that runs. Where there are no such locks nothing is removed.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use super::signals::{self, Entry};

/// Longest part of the output's name that is taken over: file systems allow 255 bytes for a name.
const STEM: usize = 180;
/// Names that are tried before giving up.
const ATTEMPTS: usize = 100;
const MARK: &str = ".phasor-";
const MODEL: &str = ".onnx";

/// A file or folder that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    is_folder: bool,
    entry: Option<&'static Entry>,
    /// The open file or folder with the lock.
    lock: Option<File>,
}

impl Temporary {
    /// A path that this process is about to make inside of a temporary folder.
    pub(super) fn within(path: PathBuf, is_folder: bool) -> Self {
        Self {
            entry: signals::note(&path, is_folder),
            path,
            is_folder,
            lock: None,
        }
    }

    /// Makes a model file in `folder` for the output `name`. A `mode` is narrowed by the umask, as always.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub(super) fn model(folder: &Path, name: &str, mode: Option<u32>) -> io::Result<(Self, File)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if let Some(mode) = mode {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(mode);
        }
        #[cfg(not(unix))]
        let _ = mode;
        let itself: fn(&File) -> Option<&File> = |file| Some(file);
        Self::make(folder, name, MODEL, |path| options.open(path), itself)
    }

    /// Makes a folder in `folder` for the output `name`.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub(super) fn folder(folder: &Path, name: &str) -> io::Result<Self> {
        let make = |path: &Path| {
            fs::create_dir(path)?;
            Ok(File::open(path).ok())
        };
        Ok(Self::make(folder, name, "", make, Option::as_ref)?.0)
    }

    fn make<T>(
        folder: &Path,
        name: &str,
        suffix: &str,
        make: impl Fn(&Path) -> io::Result<T>,
        handle: impl Fn(&T) -> Option<&File>,
    ) -> io::Result<(Self, T)> {
        let prefix = prefix(name);
        for _ in 0..ATTEMPTS {
            let random = RandomState::new().hash_one(0) as u32;
            let path = folder.join(format!("{prefix}{random:08x}{suffix}"));
            let mut temporary = Self::within(path, suffix.is_empty());
            let made = match make(&temporary.path) {
                Err(error) => {
                    temporary.forget();
                    if error.kind() == io::ErrorKind::AlreadyExists {
                        continue;
                    }
                    return Err(error);
                }
                Ok(made) => made,
            };
            // Somebody may have taken it for a remnant in the moment before it is locked.
            if handle(&made).is_none_or(|file| lock(file, &temporary.path)) {
                temporary.lock = handle(&made).and_then(kept_open);
                return Ok((temporary, made));
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It has been moved to its place, or was never made.
    pub(super) fn forget(&mut self) {
        if let Some(entry) = self.entry.take() {
            entry.forget();
        }
        self.path = PathBuf::new();
        self.lock = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        // There is nobody to report it to, and the next run tries again.
        let _ = remove(&self.path, self.is_folder);
        self.forget();
    }
}

fn remove(path: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// How the names of an output's temporary files begin.
fn prefix(name: &str) -> String {
    let mut end = name.len().min(STEM);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}{MARK}", &name[..end])
}

/// Removes what ended processes have left in `folder` of the output `name`.
pub(super) fn remove_remnants(folder: &Path, name: &str) {
    let prefix = prefix(name);
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|n| n.strip_prefix(&prefix)) else {
            continue;
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let rest = if kind.is_dir() {
            Some(rest)
        } else {
            rest.strip_suffix(MODEL)
        };
        let is_ours =
            rest.is_some_and(|r| r.len() == 8 && r.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_ours && (kind.is_dir() || kind.is_file()) {
            let path = entry.path();
            if let Some(_lock) = abandoned(&path) {
                let _ = remove(&path, kind.is_dir());
            }
        }
    }
}

/// The lock of a file or folder whose owner has ended.
#[cfg(unix)]
fn abandoned(path: &Path) -> Option<File> {
    // Network file systems want it open for writing, which folders and read-only files do not allow.
    let writable = OpenOptions::new().read(true).write(true).open(path);
    let file = writable.or_else(|_| File::open(path)).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// A locked file cannot be read through another handle there, so that none is.
#[cfg(not(unix))]
fn abandoned(_: &Path) -> Option<File> {
    None
}

/// Locks a file that was just made at `path`; whether it is still there then. File systems without locks are as good.
#[cfg(unix)]
fn lock(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    if matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
        return false;
    }
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn lock(_: &File, _: &Path) -> bool {
    true
}

/// The handle that keeps the lock. Elsewhere an open file cannot be renamed.
fn kept_open(file: &File) -> Option<File> {
    cfg!(unix).then(|| file.try_clone().ok()).flatten()
}
