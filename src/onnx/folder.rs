//! Folders that are made for outputs, and do not stay empty.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::signals::{self, Entry};

/// A new folder. If it is empty when this is dropped, or when a signal ends the process, it is removed.
#[derive(Debug)]
pub(crate) struct NewFolder {
    path: PathBuf,
    entry: Option<&'static Entry>,
}

impl NewFolder {
    /// Makes a folder in one that is there.
    ///
    /// # Errors
    /// If it cannot be made, or is there.
    pub(crate) fn make(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        let entry = signals::note(&path, true);
        Ok(Self { path, entry })
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // One with something in it stays.
        let _ = fs::remove_dir(&self.path);
        if let Some(entry) = self.entry {
            entry.forget();
        }
    }
}
