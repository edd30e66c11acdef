//! Putting an output in place: first under a temporary name, then, once it is complete and checked, under its own.
//!
//! Beside the input, or for a model without external data, the temporary file lies in the target's folder. Elsewhere a
//! temporary subfolder takes the model and its data files together, so that the staged model can be run before anything
//! that was there before is touched.
//!
//! A new file gets the permissions of the input, as a copy would, and one that is replaced keeps those it had.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustc_hash::FxHashSet;
use tempfile::TempPath;

use super::bring::{Brought, same_content};
use super::edit::Decided;
use super::external::{self, Unavailable};
use super::place::{Place, clear, folder_of, same_file};
use super::signals::uninterrupted;
use super::temporary::{Temporary, remove_remnants};
use super::{Edit, Error, ModelFile, write};

/// The largest message protobuf allows.
const PROTOBUF_LIMIT: usize = i32::MAX as usize;

/// An output that is complete but not yet under its name. Dropping it removes everything it wrote.
#[derive(Debug)]
pub struct Staged {
    model: Temporary,
    brought: Brought,
    /// Dropped last: the rest lies in it.
    _folder: Option<Temporary>,
    out: PathBuf,
    bytes: usize,
    force: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The model.
    pub path: PathBuf,
    /// Its length.
    pub bytes: usize,
    /// Data files that now lie beside it and did not before.
    pub data: Vec<PathBuf>,
    /// Data files the model refers to that could not be brought along, each with the reason.
    pub absent: Vec<String>,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let file = path.to_owned();
    move |source| Error::Write {
        file: file.clone(),
        source,
    }
}

impl ModelFile {
    /// Writes the edited model under a temporary name in the folder of `out`, with its data files where needed.
    ///
    /// Bytes that the edit does not concern are the input's own; with an empty edit the output is the input, byte for
    /// byte. `out` may be the input itself (with `force`): the input is replaced in one step when the output is committed.
    /// What earlier processes left of this output is removed.
    ///
    /// # Errors
    /// If `out` exists and `force` is not given, is something else than a file or one of the input's data files, if its folder is
    /// missing or cannot be written to, if a different file lies where a data file must go, or if the output would be the
    /// first to exceed what protobuf allows. A link must lead to a file, and to one in its own folder if the model has data files.
    pub fn stage(&self, edit: &Edit, out: &Path, force: bool) -> Result<Staged, Error> {
        let place = Place::new(out, force)?;
        let file_name = place.out.file_name();
        let name = file_name.unwrap_or_default().to_string_lossy();
        let failed = failed(&place.out);
        let decided = Decided::new(edit, self);
        let pieces = write::pieces(&decided, self.parts(), self.model());
        if pieces.len() > PROTOBUF_LIMIT && self.bytes.len() <= PROTOBUF_LIMIT {
            return Err(Error::TooLarge {
                file: place.out,
                bytes: pieces.len(),
            });
        }
        let locations = self.locations(&decided);
        if place.is_linked_from_afar && !locations.is_empty() {
            return Err(Error::NotAFile {
                file: out.to_owned(),
                what: "a link into another folder, away from the data files",
            });
        }
        let source = folder_of(self.path());
        let is_output = |location: &&&str| {
            let relative = external::relative(location);
            relative.is_ok_and(|path| same_file(&source.join(path), &place.out))
        };
        if place.old.is_some()
            && let Some(location) = locations.iter().find(is_output)
        {
            let cause = format!("it is the data file `{location}` of the input");
            return Err(failed(io::Error::other(cause)));
        }
        let target = folder_of(&place.out);
        remove_remnants(target, &name);
        let stays = source.canonicalize().ok().as_ref() == Some(&place.folder);
        let folder = (!stays && !locations.is_empty())
            .then(|| Temporary::folder(target, &name))
            .transpose()
            .map_err(&failed)?;
        let mut brought = Brought::default();
        for location in &locations {
            let Some(folder) = &folder else {
                self.reaches(location, &place)?;
                continue;
            };
            if external::relative(location).is_ok_and(|path| Some(path.as_os_str()) == file_name) {
                let cause = format!("the model refers to a data file of this name, `{location}`");
                return Err(failed(io::Error::other(cause)));
            }
            brought.bring(self.path(), location, folder.path(), target)?;
        }
        let within = folder.as_ref().map_or(target, Temporary::path);
        let old = place.old.as_ref();
        let (model, mut file) = Temporary::model(within, &name, self.mode(old)).map_err(&failed)?;
        let handle = self
            .handle
            .as_ref()
            .map(|h| h.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        pieces
            .write(&self.bytes, handle.as_deref(), &mut file)
            .and_then(|()| old.map_or(Ok(()), |old| restore(&file, old)))
            .and_then(|()| file.sync_all())
            .map_err(&failed)?;
        Ok(Staged {
            model,
            brought,
            _folder: folder,
            out: place.out,
            bytes: pieces.len(),
            force,
        })
    }

    /// The bytes of the edited model, as [`ModelFile::stage`] writes them.
    ///
    /// # Errors
    /// If tensors of the edited model lie in data files, which bytes alone cannot bring along, or if the output would be the first to
    /// exceed what protobuf allows.
    pub fn rewritten(&self, edit: &Edit) -> Result<Bytes, Error> {
        let decided = Decided::new(edit, self);
        if let Some(location) = self.locations(&decided).first() {
            return Err(Error::Detached {
                file: self.path().to_owned(),
                location: (*location).to_owned(),
            });
        }
        let pieces = write::pieces(&decided, self.parts(), self.model());
        if pieces.len() > PROTOBUF_LIMIT && self.bytes.len() <= PROTOBUF_LIMIT {
            return Err(Error::TooLarge {
                file: self.path().to_owned(),
                bytes: pieces.len(),
            });
        }
        Ok(pieces.to_bytes(&self.bytes).into())
    }

    /// The length of what [`ModelFile::stage`] writes.
    pub fn edited_len(&self, edit: &Edit) -> usize {
        write::pieces(&Decided::new(edit, self), self.parts(), self.model()).len()
    }

    /// Whether a model at another place in the input's own folder can use a data file of the input.
    fn reaches(&self, location: &str, place: &Place) -> Result<(), Error> {
        match (
            external::resolve(self.path(), location),
            external::resolve(&place.out, location),
        ) {
            (Ok(_), Err(Unavailable::Refused(_))) => Err(Error::LinkedData {
                file: place.out.clone(),
                location: location.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The mode of the file that the output replaces, else of the input.
    fn mode(&self, old: Option<&Metadata>) -> Option<u32> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let input = || fs::metadata(self.path()).ok();
            let mode = old.cloned().or_else(input)?.permissions().mode();
            Some(mode & 0o777)
        }
        #[cfg(not(unix))]
        {
            let _ = old;
            None
        }
    }

    /// Locations of the data files the edited model refers to, each once.
    fn locations<'a>(&'a self, decided: &Decided<'a>) -> Vec<&'a str> {
        let mut seen = FxHashSet::default();
        let mut found = Vec::new();
        let mut visit = |tensor| {
            if let Some(location) = external::location(tensor).filter(|l| seen.insert(*l)) {
                found.push(location);
            }
        };
        let graph = self.graph();
        let dense = graph
            .initializer
            .iter()
            .filter(|t| decided.keeps_initializer(t.name()));
        dense.for_each(&mut visit);
        let sparse = graph.sparse_initializer.iter();
        let sparse = sparse.filter(|t| decided.keeps_sparse_initializer(t));
        sparse.for_each(|t| external::sparse(t, &mut visit));
        let nodes = graph
            .node
            .iter()
            .enumerate()
            .filter(|(position, _)| decided.keeps_node(*position));
        nodes.for_each(|(_, node)| external::tensors_of_node(node, &mut visit));
        let new = decided.before(0, 0);
        new.for_each(|node| external::tensors_of_node(node, &mut visit));
        external::tensors_beside_graph(self.model(), &mut visit);
        found
    }
}

/// Gives a new file the mode of the one it replaces, whatever the umask, and the owner where that is allowed.
fn restore(file: &File, old: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            // A user may not give files away.
            let _ = fchown(file, Some(old.uid()), Some(old.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o777))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, old);
        Ok(())
    }
}

impl Staged {
    /// The staged model. It can be run: its data files lie beside it.
    pub fn path(&self) -> &Path {
        self.model.path()
    }

    /// What committing it writes.
    pub fn written(&self) -> Written {
        let data = self.brought.missing.iter();
        Written {
            path: self.out.clone(),
            bytes: self.bytes,
            data: data.map(|(_, wanted)| wanted.clone()).collect(),
            absent: self.brought.absent.clone(),
        }
    }

    /// Moves everything to its place: first the data files, last the model.
    ///
    /// # Errors
    /// If a file cannot be moved, or (without `force`) one has appeared in its place meanwhile. Data files and folders that were
    /// already put in place are removed again.
    pub fn commit(self) -> Result<Written, Error> {
        let written = self.written();
        let mut made = Vec::new();
        let result = uninterrupted(|| {
            let result = self.place(&mut made);
            if result.is_err() {
                made.iter().rev().for_each(Made::undo);
            }
            result
        });
        result.map(|()| written)
    }

    fn place(mut self, made: &mut Vec<Made>) -> Result<(), Error> {
        for (staged, wanted) in &mut self.brought.missing {
            // Another model may have brought the same file meanwhile.
            if same_content(staged.path(), wanted).map_err(failed(wanted))? {
                continue;
            }
            make_folders(folder_of(wanted), made).map_err(failed(wanted))?;
            put(staged, wanted, false)?;
            made.push(Made::File(wanted.clone()));
        }
        put(&mut self.model, &self.out, self.force)?;
        // The file is complete either way; a folder that cannot be synced (some file systems) only delays the name.
        #[cfg(unix)]
        drop(File::open(folder_of(&self.out)).and_then(|f| f.sync_all()));
        Ok(())
    }
}

/// What has been put in place.
enum Made {
    File(PathBuf),
    Folder(PathBuf),
}

impl Made {
    fn undo(&self) {
        // There is nobody to report it to.
        let _ = match self {
            Self::File(path) => fs::remove_file(path),
            Self::Folder(path) => fs::remove_dir(path),
        };
    }
}

fn make_folders(folder: &Path, made: &mut Vec<Made>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folders(folder_of(folder), made)?;
    fs::create_dir(folder)?;
    made.push(Made::Folder(folder.to_owned()));
    Ok(())
}

fn put(from: &mut Temporary, to: &Path, force: bool) -> Result<(), Error> {
    clear(to)?;
    let staged = TempPath::try_from_path(from.path()).map_err(failed(to))?;
    let moved = if force {
        staged.persist(to)
    } else {
        staged.persist_noclobber(to)
    };
    from.forget();
    moved.map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists {
            file: to.to_owned(),
        },
        _ => failed(to)(e.error),
    })
}
