//! Bringing data files along into the folder of an output.
//!
//! A data file is copied, with shared blocks where the file system can, and not hard-linked: onnx 1.21 and later refuse data
//! files that have a second link, in the input's folder as much as in the output's. A file that is there already and holds
//! something else belongs to another model, as far as anybody can tell, and is never replaced.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Error;
use super::external::{self, Unavailable};
use super::place::{clear, folder_of, same_inode};
use super::temporary::Temporary;

/// Data files in a staging folder.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// Those that the output's folder lacks: staged, final.
    pub missing: Vec<(Temporary, PathBuf)>,
    /// Those that it has already.
    present: Vec<Temporary>,
    /// Folders inside of the staging folder.
    folders: Vec<Temporary>,
    /// What could not be had, with the reason.
    pub absent: Vec<String>,
}

impl Brought {
    /// Brings the data file at `location` of `model` into `staging`, whose content will be moved to `target`.
    ///
    /// # Errors
    /// If other data lies at its place, or the copy cannot be made. A data file that is not there is noted instead.
    pub(super) fn bring(
        &mut self,
        model: &Path,
        location: &str,
        staging: &Path,
        target: &Path,
    ) -> Result<(), Error> {
        let from = match external::resolve(model, location) {
            Ok(from) => from,
            Err(Unavailable::Refused(why)) => {
                self.absent.push(why);
                return Ok(());
            }
            Err(Unavailable::Missing(error)) => {
                self.absent.push(format!("data file `{location}`: {error}"));
                return Ok(());
            }
        };
        let Ok(relative) = external::relative(location) else {
            unreachable!("a location that is resolved is relative");
        };
        let wanted = target.join(&relative);
        let trouble = |source| Error::Write {
            file: wanted.clone(),
            source,
        };
        let is_present = same_content(&from, &wanted).map_err(trouble)?;
        if !is_present && fs::symlink_metadata(&wanted).is_ok() {
            clear(&wanted)?;
            return Err(Error::OtherData {
                file: wanted,
                location: location.to_owned(),
            });
        }
        self.make_folders(staging, folder_of(&relative))
            .map_err(trouble)?;
        let staged = Temporary::within(staging.join(&relative), false);
        // Data that is in place already needs a second name only until the staged model is moved or dropped.
        if is_present {
            if fs::hard_link(&wanted, staged.path()).is_err() {
                copy(&from, staged.path()).map_err(trouble)?;
            }
            self.present.push(staged);
        } else {
            copy(&from, staged.path()).map_err(trouble)?;
            self.missing.push((staged, wanted));
        }
        Ok(())
    }

    fn make_folders(&mut self, staging: &Path, relative: &Path) -> io::Result<()> {
        let mut path = staging.to_owned();
        for name in relative.components() {
            path.push(name);
            if !path.is_dir() {
                let folder = Temporary::within(path.clone(), true);
                fs::create_dir(&path)?;
                self.folders.push(folder);
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    take_mode(&mut options, &source.metadata()?);
    let mut copy = options.open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}

#[cfg(unix)]
fn take_mode(options: &mut OpenOptions, source: &Metadata) {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    options.mode(source.permissions().mode() & 0o777);
}

#[cfg(not(unix))]
fn take_mode(_: &mut OpenOptions, _: &Metadata) {}

/// Whether `b` exists and holds what `a` holds.
pub(super) fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    if !b.is_file() {
        return Ok(false);
    }
    if same_inode(a, b) {
        return Ok(true);
    }
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let mut left = Vec::new();
    let mut right = Vec::new();
    loop {
        left.clear();
        right.clear();
        let n = a.by_ref().take(1 << 20).read_to_end(&mut left)?;
        b.by_ref().take(1 << 20).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}
