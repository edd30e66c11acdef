//! Files as memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::place::other_than_a_file;

/// Maps a regular file read-only and hands back the open file too. Only the pages that are read are loaded.
///
/// # Errors
/// Those of opening and mapping; `IsADirectory` for a folder, `InvalidInput` for a pipe or a device.
pub(super) fn map(path: &Path) -> io::Result<(Bytes, File)> {
    // Asked of the path first: opening a pipe would wait for somebody to write into it.
    let there = std::fs::metadata(path)?;
    if let Some(what) = other_than_a_file(&there) {
        let kind = match there.is_dir() {
            true => io::ErrorKind::IsADirectory,
            false => io::ErrorKind::InvalidInput,
        };
        return Err(io::Error::new(kind, format!("it is {what}")));
    }
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok((Bytes::new(), file));
    }
    // SAFETY: the map is private and read-only, and lives as long as the last `Bytes` made from it. Rust's aliasing rules
    // would be broken only by another process that writes to the file meanwhile; no such writer can be excluded on any
    // system, and no byte read from the map is trusted: values are decoded anew with bounds checks at each use, and none
    // serves as an index, a length or a `str` without having been checked on a copy. A file that is truncated meanwhile
    // ends the process with a bus error, as it does for every program that maps files. This package itself never
    // writes into a file that may be mapped: outputs are made under a new name and renamed, which leaves the old inode
    // to its map.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    Ok((Bytes::from_owner(map), file))
}
