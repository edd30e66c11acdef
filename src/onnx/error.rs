//! What can go wrong with a model file, said so that the reader can find the place.

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
    /// A value is used that nothing computes and nobody gives.
    #[error("`{}`: {user}: value `{value}` is computed by no node and is no input", file.display())]
    Undefined {
        /// The file.
        file: PathBuf,
        /// The value.
        value: String,
        /// The node or graph output that uses it.
        user: String,
    },
    /// The elements of a tensor cannot be had.
    #[error("`{}`: tensor `{tensor}`: {cause}", file.display())]
    Tensor {
        /// The model file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        cause: String,
        /// Whether they lie in a data file.
        external: bool,
    },
    /// A data file is not there.
    #[error("`{}`: data file `{location}` of tensor `{tensor}` {}", file.display(), missing(cause))]
    MissingData {
        /// The model file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where its data should lie, seen from the model's folder.
        location: String,
        /// Why it cannot be had.
        cause: io::Error,
    },
    /// There is a file already where one must be written.
    #[error("`{}`: exists already", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// There is something other than a file where one must be written.
    #[error("`{}`: cannot be replaced: it is {what}", file.display())]
    NotAFile {
        /// The output.
        file: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The folder of an output is missing.
    #[error("`{}`: cannot be written: {}", file.display(), no_folder(folder, cause))]
    NoFolder {
        /// The output.
        file: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Why it cannot be had.
        cause: io::Error,
    },
    /// Other data lies where a data file must go.
    #[error("`{}`: is there already and holds other data than the model's `{location}`", file.display())]
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

/// What is said of a data file that cannot be had.
fn missing(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {cause}"),
    }
}

/// What is said of a folder that cannot be had.
fn no_folder(folder: &Path, cause: &io::Error) -> String {
    let folder = folder.display();
    match cause.kind() {
        io::ErrorKind::NotFound => format!("there is no folder `{folder}`"),
        io::ErrorKind::NotADirectory => format!("`{folder}` is no folder"),
        _ => format!("folder `{folder}`: {cause}"),
    }
}

/// What helps against an error of the system in reading.
fn to_read(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "check the path",
        io::ErrorKind::PermissionDenied => "check the permissions of the file and of its folders",
        io::ErrorKind::IsADirectory => "name the .onnx file in it",
        io::ErrorKind::InvalidInput => "save the model as a file first: it is mapped into memory",
        _ => return None,
    })
}

/// What helps against an error of the system in writing.
fn to_write(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "the folder must be writable, because a file is made in it under a temporary name first: choose another one"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there, or write to another disk: the old and the new file lie side by side for a while"
        }
        io::ErrorKind::FileTooLarge => {
            "the system allows no file of that size: look at `ulimit -f` and at the file system"
        }
        io::ErrorKind::NotFound => "make the folder first",
        _ => return None,
    })
}

impl Error {
    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } => return to_read(source.kind()).map(Into::into),
            Self::Write { source, .. } => return to_write(source.kind()).map(Into::into),
            Self::Decode { .. } => {
                "the file is damaged or was not copied whole: fetch or export it again"
            }
            Self::DefinedTwice { .. }
            | Self::Cycle { .. }
            | Self::Recursion { .. }
            | Self::Undefined { .. } => "the exporter wrote an invalid model: export it again",
            Self::Operator { .. } => {
                "ONNX does not allow it: export the model again; `onnx.checker.check_model` may say more"
            }
            Self::Tensor { external: true, .. } => {
                "data files must lie whole where the model says, below its own folder: fetch or export the model again"
            }
            Self::Tensor { .. } => {
                "the model is damaged or was not copied whole: fetch or export it again"
            }
            Self::MissingData { .. } => {
                "put it beside the model; `--no-verify` goes on without it, unchecked"
            }
            Self::Exists { .. } => "`--force` replaces it",
            Self::NotAFile { .. } => "name a file, or a path where nothing is yet",
            Self::NoFolder { cause, .. } if cause.kind() == io::ErrorKind::NotFound => {
                "make the folder first"
            }
            Self::NoFolder { .. } => "name a file in a folder that can be written to",
            Self::OtherData { .. } => {
                "`--force` replaces the model alone: remove that file if no other model needs it, or write into another folder"
            }
            Self::LinkedData { .. } => "write into another folder: the data goes along",
            Self::TooLarge { .. } => {
                "store the weights in a data file beside the model first (external data)"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}
