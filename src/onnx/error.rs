//! Errors of model files, worded so that the reader can find the place.

use std::io;
use std::path::{Path, PathBuf};

/// Every error of [`crate::onnx`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or mapped.
    #[error("`{}`: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else than an ONNX model.
    #[error("`{}`: not an ONNX model: {what}", file.display())]
    NotOnnx {
        /// The file.
        file: PathBuf,
        /// What it looks like.
        what: String,
    },
    /// The file is damaged.
    #[error("`{}`: {place}: {cause} (byte offset {offset})", file.display())]
    Decode {
        /// The file.
        file: PathBuf,
        /// Message and field, such as `GraphProto.node[17].attribute[2].t`.
        place: String,
        /// What is wrong there.
        cause: String,
        /// Where in the file.
        offset: usize,
    },
    /// The model has no graph.
    #[error("`{}`: the model has no graph", file.display())]
    NoGraph {
        /// The file.
        file: PathBuf,
    },
    /// A value is defined twice.
    #[error("`{}`: value `{value}` is defined twice: by {first} and by {second}", file.display())]
    DefinedTwice {
        /// The file.
        file: PathBuf,
        /// The value.
        value: String,
        /// The first definition.
        first: String,
        /// The second definition.
        second: String,
    },
    /// A node needs its own result.
    #[error("`{}`: the graph has a cycle through {node}", file.display())]
    Cycle {
        /// The file.
        file: PathBuf,
        /// A node on the cycle.
        node: String,
    },
    /// A node stands before one that computes what it reads.
    #[error("`{}`: {node} stands before a node that computes what it reads", file.display())]
    Unsorted {
        /// The file.
        file: PathBuf,
        /// The node.
        node: String,
    },
    /// A function calls itself, directly or not.
    #[error("`{}`: function `{function}` calls itself", file.display())]
    Recursion {
        /// The file.
        file: PathBuf,
        /// The function.
        function: String,
    },
    /// A node is not as the specification of its operator allows.
    #[error("`{}`: {node}: {cause}", file.display())]
    Operator {
        /// The file.
        file: PathBuf,
        /// The node, and where it is.
        node: String,
        /// The attribute or input, its value and what is allowed.
        cause: String,
    },
    /// A value is used that is neither computed nor given.
    #[error("`{}`: {user}: value `{value}` is neither computed by a node nor an input", file.display())]
    Undefined {
        /// The file.
        file: PathBuf,
        /// The value.
        value: String,
        /// The node or graph output that uses it.
        user: String,
    },
    /// The elements of a tensor cannot be read.
    #[error("`{}`: tensor `{tensor}`: {cause}", file.display())]
    Tensor {
        /// The model file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        cause: String,
        /// Whether the elements lie in a data file.
        external: bool,
    },
    /// A data file is missing.
    #[error("`{}`: data file `{location}` of tensor `{tensor}` {}", file.display(), missing(cause))]
    MissingData {
        /// The model file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where its data should lie, seen from the model's folder.
        location: String,
        /// Why it cannot be read.
        cause: io::Error,
    },
    /// A model in memory needs a data file.
    #[error("`{}`: some weights lie in the data file `{location}`, which a model in memory cannot bring along", file.display())]
    Detached {
        /// The model.
        file: PathBuf,
        /// The data file, seen from the model's folder.
        location: String,
    },
    /// The output exists already.
    #[error("`{}`: exists already", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The output exists and is not a file.
    #[error("`{}`: cannot be replaced: it is {what}", file.display())]
    NotAFile {
        /// The output.
        file: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// A page would take the place of what it is made of.
    #[error("`{}`: cannot be replaced: the page is made of it", file.display())]
    NotAPage {
        /// The output.
        file: PathBuf,
    },
    /// The folder of an output is missing.
    #[error("`{}`: cannot be written: {}", file.display(), no_folder(folder, cause))]
    NoFolder {
        /// The output.
        file: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Why it cannot be read.
        cause: io::Error,
    },
    /// A file with other data lies where a data file must go.
    #[error("`{}`: exists already and holds other data than the model's `{location}`", file.display())]
    OtherData {
        /// What is there.
        file: PathBuf,
        /// The data file that must go there, seen from the model's folder.
        location: String,
    },
    /// An output beside the input cannot use a data file, which is a link.
    #[error(
        "`{}`: cannot be written: data file `{location}` is a link that leads out of the folder, which only the input may follow", file.display()
    )]
    LinkedData {
        /// The output.
        file: PathBuf,
        /// The data file, seen from the model's folder.
        location: String,
    },
    /// An output cannot be written.
    #[error("`{}`: cannot be written: {source}", file.display())]
    Write {
        /// The output.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The output would be larger than a protobuf message may be.
    #[error("`{}`: the output would be {bytes} bytes long; protobuf allows 2 GiB", file.display())]
    TooLarge {
        /// The output.
        file: PathBuf,
        /// Its length.
        bytes: usize,
    },
}

/// The message for a data file that cannot be read.
fn missing(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {cause}"),
    }
}

/// The message for a folder that cannot be used.
fn no_folder(folder: &Path, cause: &io::Error) -> String {
    let folder = folder.display();
    match cause.kind() {
        io::ErrorKind::NotFound => format!("there is no folder `{folder}`"),
        io::ErrorKind::NotADirectory => format!("`{folder}` is not a folder"),
        _ => format!("folder `{folder}`: {cause}"),
    }
}

/// The hint for a system error in reading.
fn to_read(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "check the path",
        io::ErrorKind::PermissionDenied => "check the permissions of the file and of its folders",
        io::ErrorKind::IsADirectory => "name the .onnx file in it",
        io::ErrorKind::InvalidInput => "save the model as a file first: it is mapped into memory",
        _ => return None,
    })
}

/// The hint for a system error in writing.
fn to_write(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "a temporary file is written to that folder first: choose a writable folder"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there, or write to another disk: the old and the new file lie side by side for a while"
        }
        io::ErrorKind::FileTooLarge => {
            "the system does not allow a file of that size: check `ulimit -f` and the file system"
        }
        io::ErrorKind::NotFound => "create the folder first",
        _ => return None,
    })
}

impl Error {
    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } => return to_read(source.kind()).map(Into::into),
            Self::Write { source, .. } => return to_write(source.kind()).map(Into::into),
            Self::Decode { .. } => "the file is damaged or incomplete: fetch or export it again",
            Self::DefinedTwice { .. }
            | Self::Cycle { .. }
            | Self::Unsorted { .. }
            | Self::Recursion { .. }
            | Self::Undefined { .. } => "the exporter wrote an invalid model: export it again",
            Self::Operator { .. } => {
                "ONNX does not allow this: export the model again; `onnx.checker.check_model` may say more"
            }
            Self::Tensor { external: true, .. } => {
                "data files must be complete and lie where the model says, below its own folder: fetch or export the model again"
            }
            Self::Tensor { .. } => "the model is damaged or incomplete: fetch or export it again",
            Self::MissingData { .. } => {
                "put it beside the model, or use `--no-verify` to continue without it, unchecked"
            }
            Self::Detached { .. } => {
                "name files, for the model and for the output, or store all weights in the model first"
            }
            Self::Exists { .. } => "use `--force` to replace it",
            Self::NotAPage { .. } => "name another file for the page, such as report.html",
            Self::NotAFile { .. } => "name a file, or a path that does not exist yet",
            Self::NoFolder { cause, .. } if cause.kind() == io::ErrorKind::NotFound => {
                "create the folder first"
            }
            Self::NoFolder { .. } => "name a file in a folder that can be written to",
            Self::OtherData { .. } => {
                "`--force` replaces the model alone: remove that file if no other model needs it, or write into another folder"
            }
            Self::LinkedData { .. } => "write into another folder: the data is copied there",
            Self::TooLarge { .. } => {
                "store the weights in a data file beside the model first (external data)"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}
