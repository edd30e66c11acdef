//! Where an output may be written: obstacles are reported before any work is done.
//!
//! Only files are replaced. Where the output is a link, the file that it leads to is written, and the link stays.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::Error;

/// A place that a file may be put at.
#[derive(Debug)]
pub(super) struct Place {
    /// The path, links followed.
    pub out: PathBuf,
    /// Its folder, as the system knows it.
    pub folder: PathBuf,
    /// What exists there and may be replaced.
    pub old: Option<Metadata>,
    /// Whether it was reached by a link from another folder.
    pub is_linked_from_afar: bool,
}

/// Whether an output may be put at `out`, where a file may be replaced if `force`. Nothing is touched.
///
/// # Errors
/// If it exists and `force` is not given, is something else than a file, or if its folder is missing.
pub fn check_output(out: &Path, force: bool) -> Result<(), Error> {
    Place::new(out, force).map(drop)
}

impl Place {
    /// # Errors
    /// Those of [`check_output`].
    pub(super) fn new(out: &Path, force: bool) -> Result<Self, Error> {
        clear(out)?;
        let there = fs::symlink_metadata(out);
        let exists = there.is_ok();
        if exists && !force {
            return Err(Error::Exists {
                file: out.to_owned(),
            });
        }
        let asked = out;
        let followed = match there {
            Ok(there) if there.is_symlink() => Some(
                asked
                    .canonicalize()
                    .map_err(|_| not_a_file(asked, "a link that leads nowhere"))?,
            ),
            _ => None,
        };
        let out = followed.as_deref().unwrap_or(asked);
        // `name/` is the name of a folder, which is not there.
        let named = out.as_os_str().as_encoded_bytes().last();
        if out.file_name().is_none() || named.is_some_and(|b| std::path::is_separator(*b as char)) {
            return Err(Error::NoFolder {
                file: asked.to_owned(),
                folder: out.to_owned(),
                cause: io::ErrorKind::NotFound.into(),
            });
        }
        let folder = existing_folder(out)?;
        let is_linked_from_afar = followed.is_some() && existing_folder(asked)? != folder;
        Ok(Self {
            folder,
            old: exists.then(|| fs::metadata(out).ok()).flatten(),
            out: out.to_owned(),
            is_linked_from_afar,
        })
    }
}

/// The folder of a file, which must be there.
fn existing_folder(file: &Path) -> Result<PathBuf, Error> {
    let folder = folder_of(file);
    let found = folder
        .canonicalize()
        .and_then(|found| match found.is_dir() {
            true => Ok(found),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
    found.map_err(|cause| Error::NoFolder {
        file: file.to_owned(),
        folder: folder.to_owned(),
        cause,
    })
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether a file may be put at a path.
pub(super) fn clear(path: &Path) -> Result<(), Error> {
    let there = fs::metadata(path).ok();
    let what = there.and_then(|there| other_than_a_file(&there));
    what.map_or(Ok(()), |what| Err(not_a_file(path, what)))
}

fn not_a_file(path: &Path, what: &'static str) -> Error {
    Error::NotAFile {
        file: path.to_owned(),
        what,
    }
}

/// The kind of something that is not a file.
pub(super) fn other_than_a_file(there: &Metadata) -> Option<&'static str> {
    let kind = there.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
        if kind.is_fifo() {
            return Some("a pipe");
        }
    }
    match kind {
        kind if kind.is_dir() => Some("a folder"),
        kind if !kind.is_file() => Some("no regular file"),
        _ => None,
    }
}

/// Whether both paths lead to one file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b || same_inode(&a, &b),
        _ => false,
    }
}

#[cfg(unix)]
pub(super) fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
pub(super) fn same_inode(_: &Path, _: &Path) -> bool {
    false
}
