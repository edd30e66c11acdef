//! What can go wrong with a model file, said so that the reader can find the place.

use std::io;
use std::path::PathBuf;

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

impl Error {
    /// What the user could do about it, if anything is known to help.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the path"
            }
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
                "data files must lie where the model says, below its own folder"
            }
            Self::Exists { .. } => "`--force` replaces it",
            Self::NotAFile { .. } => "name a file, or a path where nothing is yet",
            Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "make the folder first"
            }
            Self::TooLarge { .. } => {
                "store the weights in a data file beside the model first (external data)"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}
