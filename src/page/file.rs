//! Where the page goes: checked before any work is done, and written whole or not at all.

use std::io::Write;
use std::path::Path;

use crate::onnx::{Error, check_output, folder_of};

/// Whether a page may be put at `file`; `read` are the files that it is made of.
///
/// # Errors
/// If something else is there that must not be replaced, or there is no such folder.
pub(crate) fn check<'f>(
    file: &Path,
    force: bool,
    mut read: impl Iterator<Item = &'f Path>,
) -> Result<(), Error> {
    check_output(file, force)?;
    let place = file.canonicalize().ok();
    match place.is_some() && read.any(|other| other.canonicalize().ok() == place) {
        true => Err(Error::NotAPage {
            file: file.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Writes a page beside its place and moves it there, so that nobody sees half of it. A link stays, and what it leads to is written.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(file: &Path, html: &str) -> Result<(), Error> {
    let failed = |source| Error::Write {
        file: file.to_owned(),
        source,
    };
    let place = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".phasor-report-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Narrowed by the umask, as always.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut page = builder.tempfile_in(folder_of(&place)).map_err(failed)?;
    page.write_all(html.as_bytes()).map_err(failed)?;
    page.persist(&place).map_err(|error| failed(error.error))?;
    Ok(())
}
