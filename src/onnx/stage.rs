//! Putting an output in place: first under a temporary name, then, once it is whole and checked, under its own.
//!
//! Beside the input, or for a model without external data, the temporary file lies in the target's folder. Elsewhere a
//! temporary subfolder takes the model and its data files together, so that the staged model can be run before anything
//! that was there before is touched.
//!
//! Only files are replaced. Where the output is a link, the file that it leads to is written, and the link stays.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use tempfile::{Builder, TempDir, TempPath};

use super::edit::Decided;
use super::{Edit, Error, ModelFile, external, write};

/// The largest message protobuf allows.
const PROTOBUF_LIMIT: usize = i32::MAX as usize;

/// An output that is complete but not yet under its name. Dropping it removes everything it wrote.
#[derive(Debug)]
pub struct Staged {
    model: TempPath,
    folder: Option<TempDir>,
    /// Data files: staged, final.
    data: Vec<(PathBuf, PathBuf)>,
    absent: Vec<String>,
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

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Write {
        file: path.to_owned(),
        source,
    }
}

/// What stands at a path that a file may not take the place of.
fn obstacle(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
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

/// Whether a file may be put at a path.
fn clear(path: &Path) -> Result<(), Error> {
    obstacle(path).map_or(Ok(()), |what| {
        Err(Error::NotAFile {
            file: path.to_owned(),
            what,
        })
    })
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl ModelFile {
    /// Writes the edited model under a temporary name in the folder of `out`, with its data files where needed.
    ///
    /// Bytes that the edit does not concern are the input's own; with an empty edit the output is the input, byte for
    /// byte. `out` may be the input itself (with `force`): the input is replaced in one step when the output is committed.
    ///
    /// # Errors
    /// If `out` exists and `force` is not given, is something else than a file or one of the input's data files, if its folder is
    /// missing or cannot be written to, if a different file lies where a data file must go, or if the output would be the
    /// first to exceed what protobuf allows. A link must lead to a file, and to one in its own folder if the model has data files.
    pub fn stage(&self, edit: &Edit, out: &Path, force: bool) -> Result<Staged, Error> {
        clear(out)?;
        let there = fs::symlink_metadata(out);
        let exists = there.is_ok();
        if exists && !force {
            return Err(Error::Exists {
                file: out.to_owned(),
            });
        }
        let link = out;
        let followed = match there {
            Ok(there) if there.is_symlink() => {
                let target = link.canonicalize().map_err(|_| Error::NotAFile {
                    file: link.to_owned(),
                    what: "a link that leads nowhere",
                })?;
                Some(target)
            }
            _ => None,
        };
        let out = followed.as_deref().unwrap_or(link);
        let Some(name) = out.file_name() else {
            return Err(failed(out)(io::ErrorKind::InvalidFilename.into()));
        };
        let decided = Decided::new(edit, self);
        let pieces = write::pieces(&decided, self.parts(), self.model());
        if pieces.len() > PROTOBUF_LIMIT && self.bytes.len() <= PROTOBUF_LIMIT {
            return Err(Error::TooLarge {
                file: out.to_owned(),
                bytes: pieces.len(),
            });
        }
        let target = folder_of(out);
        let source = folder_of(self.path());
        let here = target.canonicalize().map_err(failed(out))?;
        let locations = self.locations(&decided);
        if followed.is_some()
            && !locations.is_empty()
            && folder_of(link).canonicalize().map_err(failed(link))? != here
        {
            return Err(Error::NotAFile {
                file: link.to_owned(),
                what: "a link into another folder, away from the data files",
            });
        }
        if exists && let Some(location) = locations.iter().find(|l| same_file(&source.join(l), out))
        {
            let cause = format!("it is the data file `{location}` of the input");
            return Err(failed(out)(io::Error::other(cause)));
        }
        let moves = source.canonicalize().ok().as_ref() != Some(&here) && !locations.is_empty();
        let prefix = format!(".{}.", name.to_string_lossy());
        let builder = |suffix| {
            let mut builder = Builder::new();
            builder.prefix(&prefix).suffix(suffix);
            builder
        };
        let folder = moves
            .then(|| builder("").tempdir_in(target))
            .transpose()
            .map_err(failed(out))?;
        let mut data = Vec::new();
        let mut absent = Vec::new();
        if let Some(folder) = &folder {
            for location in &locations {
                match bring(source, location, folder.path(), target) {
                    Ok(None) => {}
                    Ok(Some(_)) if target.join(location) == out => {
                        let cause =
                            format!("the model refers to a data file of this name, `{location}`");
                        return Err(failed(out)(io::Error::other(cause)));
                    }
                    Ok(Some((staged, wanted))) => {
                        if fs::symlink_metadata(&wanted).is_ok() && !force {
                            return Err(Error::Exists { file: wanted });
                        }
                        clear(&wanted)?;
                        data.push((staged, wanted));
                    }
                    Err(Trouble::Absent(why)) => absent.push(why),
                    Err(Trouble::Write(file, source)) => return Err(Error::Write { file, source }),
                }
            }
        }
        let place = folder.as_ref().map_or(target, TempDir::path);
        let mut temporary = builder(".onnx");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Those of the file it replaces, else what the umask leaves, as for any file a program makes.
            let mode = fs::metadata(out).map_or(0o666, |m| m.permissions().mode());
            temporary.permissions(fs::Permissions::from_mode(mode));
        }
        let mut file = temporary.tempfile_in(place).map_err(failed(out))?;
        let handle = self
            .handle
            .as_ref()
            .map(|h| h.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        pieces
            .write(&self.bytes, handle.as_deref(), file.as_file_mut())
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed(out))?;
        Ok(Staged {
            model: file.into_temp_path(),
            folder,
            data,
            absent,
            out: out.to_owned(),
            bytes: pieces.len(),
            force,
        })
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
        let model = self.model();
        model
            .functions
            .iter()
            .for_each(|f| external::tensors_of_function(f, &mut visit));
        let training = model
            .training_info
            .iter()
            .flat_map(|t| t.initialization.iter().chain(&t.algorithm));
        training.for_each(|g| external::tensors_of_graph(g, &mut visit));
        found
    }
}

enum Trouble {
    /// The source cannot be had; the reason.
    Absent(String),
    /// The staged file cannot be made.
    Write(PathBuf, io::Error),
}

/// Brings a data file into the staging folder. Returns the staged and the final path, or `None` if the very same data
/// already lies at the final path.
///
/// It is copied, with shared blocks where the file system can, and not hard-linked: onnx 1.21 and later refuse data
/// files that have a second link, in the input's folder as much as in the output's.
fn bring(
    source: &Path,
    location: &str,
    staging: &Path,
    target: &Path,
) -> Result<Option<(PathBuf, PathBuf)>, Trouble> {
    let relative = external::relative(location).map_err(Trouble::Absent)?;
    let absent = |e| Trouble::Absent(format!("data file `{location}`: {e}"));
    let from = source.join(&relative).canonicalize().map_err(absent)?;
    if !from.is_file() {
        return Err(absent(io::Error::other("not a regular file")));
    }
    let staged = staging.join(&relative);
    let wanted = target.join(&relative);
    let trouble = |e| Trouble::Write(wanted.clone(), e);
    fs::create_dir_all(folder_of(&staged)).map_err(trouble)?;
    let there = same_content(&from, &wanted).map_err(trouble)?;
    // Data that is in place already needs a second name only until the staged model is moved or dropped.
    if !there || fs::hard_link(&wanted, &staged).is_err() {
        copy(&from, &staged).map_err(trouble)?;
    }
    Ok((!there).then_some((staged, wanted)))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = File::create_new(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

/// Whether both paths lead to one file.
fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b || same_inode(&a, &b),
        _ => false,
    }
}

#[cfg(unix)]
fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_inode(_: &Path, _: &Path) -> bool {
    false
}

/// Whether `b` exists and holds what `a` holds.
fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
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

impl Staged {
    /// The staged model. It can be run: its data files lie beside it.
    pub fn path(&self) -> &Path {
        &self.model
    }

    /// Moves everything to its place: first the data files, last the model.
    ///
    /// # Errors
    /// If a file cannot be moved, or (without `force`) one has appeared in its place meanwhile. Data files that were already
    /// moved and replaced nothing are removed again.
    pub fn commit(self) -> Result<Written, Error> {
        let mut made = Vec::new();
        let result = self.place(&mut made);
        if result.is_err() {
            made.iter().for_each(|path| drop(fs::remove_file(path)));
        }
        result
    }

    fn place(self, made: &mut Vec<PathBuf>) -> Result<Written, Error> {
        let mut data = Vec::new();
        for (staged, wanted) in &self.data {
            fs::create_dir_all(folder_of(wanted)).map_err(failed(wanted))?;
            let new = fs::symlink_metadata(wanted).is_err();
            put(
                TempPath::try_from_path(staged).map_err(failed(wanted))?,
                wanted,
                self.force,
            )?;
            if new {
                made.push(wanted.clone());
            }
            data.push(wanted.clone());
        }
        put(self.model, &self.out, self.force)?;
        // The file is complete either way; a folder that cannot be synced (some file systems) only delays the name.
        #[cfg(unix)]
        drop(File::open(folder_of(&self.out)).and_then(|f| f.sync_all()));
        drop(self.folder);
        Ok(Written {
            path: self.out,
            bytes: self.bytes,
            data,
            absent: self.absent,
        })
    }
}

fn put(from: TempPath, to: &Path, force: bool) -> Result<(), Error> {
    clear(to)?;
    let moved = if force {
        from.persist(to)
    } else {
        from.persist_noclobber(to)
    };
    moved.map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists {
            file: to.to_owned(),
        },
        _ => failed(to)(e.error),
    })
}
