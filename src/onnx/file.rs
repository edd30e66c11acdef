//! An opened model.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use super::index::Fault;
use super::proto::{GraphProto, ModelProto, TensorProto};
use super::{Error, GraphIndex, Tensor, map};

/// A model file, mapped and decoded; weights stay where they are.
#[derive(Debug)]
pub struct ModelFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    model: ModelProto,
    index: GraphIndex,
}

impl ModelFile {
    /// Maps and decodes the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not an ONNX model, is damaged, or its main graph is cyclic or defines a value twice.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = map::map(path).map_err(|source| Error::Read {
            file: path.to_owned(),
            source,
        })?;
        Self::new(path.to_owned(), bytes)
    }

    /// Decodes a model in memory. `name` stands for the file: in messages, and its folder is where external data is sought.
    ///
    /// # Errors
    /// As [`ModelFile::open`].
    pub fn from_bytes(name: &str, bytes: Bytes) -> Result<Self, Error> {
        Self::new(name.into(), bytes)
    }

    fn new(path: PathBuf, bytes: Bytes) -> Result<Self, Error> {
        let model = ModelProto::decode(bytes.clone()).map_err(|error| Error::NotOnnx {
            file: path.clone(),
            what: error.to_string(),
        })?;
        let Some(graph) = &model.graph else {
            return Err(Error::NoGraph { file: path });
        };
        let index = match GraphIndex::new(graph) {
            Ok(index) => index,
            Err(Fault::DefinedTwice(value, first, second)) => {
                return Err(Error::DefinedTwice {
                    file: path,
                    value,
                    first,
                    second,
                });
            }
            Err(Fault::Cycle(node)) => return Err(Error::Cycle { file: path, node }),
        };
        Ok(Self {
            path,
            bytes,
            model,
            index,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The decoded model.
    pub fn model(&self) -> &ModelProto {
        &self.model
    }

    /// The main graph.
    pub fn graph(&self) -> &GraphProto {
        self.model
            .graph
            .as_ref()
            .expect("a model without a graph is not opened")
    }

    /// Version of the default operator set, 1 if the model names none.
    pub fn opset(&self) -> i64 {
        let default = self.model.opset_import.iter().rev();
        let mut default = default.filter(|o| matches!(o.domain(), "" | "ai.onnx"));
        default.next().map_or(1, |o| o.version())
    }

    /// Who makes and who uses each value of the main graph.
    pub fn index(&self) -> &GraphIndex {
        &self.index
    }

    /// The elements of a tensor of this model, from its raw bytes, its typed fields or its external file.
    ///
    /// # Errors
    /// If the data is damaged, does not fit the shape, or lies in a file that is missing, too short or outside the model's
    /// folder.
    pub fn tensor(&self, tensor: &TensorProto) -> Result<Tensor, Error> {
        Tensor::from_proto(tensor).map_err(|cause| Error::Tensor {
            file: self.path.clone(),
            tensor: tensor.name().to_owned(),
            cause,
        })
    }
}
