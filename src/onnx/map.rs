//! Files as memory: the one `unsafe` of this package.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;

/// Maps a regular file read-only and hands back the open file too. Only the pages that are read are loaded.
///
/// # Errors
/// Those of opening and mapping; `InvalidInput` for a folder, a pipe or a device.
pub(super) fn map(path: &Path) -> io::Result<(Bytes, File)> {
    // Asked of the path first: opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
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
