//! An opened model.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use prost::Message;

use super::edit::Decided;
use super::external::{self, DataFiles};
use super::index::{self, Fault};
use super::layout::{Part, parts};
use super::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use super::{
    Edit, Error, GraphIndex, Tensor, ValueId, callees, map, schema, sniff, tensor, validate,
};

/// IR version from which on an initializer that is also an input is a default that callers may override.
const OVERRIDING_IR_VERSION: i64 = 4;

/// What stands for the path of a model in memory.
const MEMORY: &str = "<memory>";

/// A model file, mapped and decoded; weights stay where they are.
#[derive(Debug)]
pub struct ModelFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    /// The file the bytes are mapped from; stays the same file when another takes its name. Reading moves its position.
    pub(super) handle: Option<Mutex<File>>,
    parts: Vec<Part>,
    model: ModelProto,
    index: GraphIndex,
    data_files: DataFiles,
}

impl ModelFile {
    /// Maps and decodes the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not an ONNX model, is damaged, its main graph is cyclic or defines a value twice, or one
    /// of its functions calls itself.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (bytes, handle) = map::map(path).map_err(|source| Error::Read {
            file: path.to_owned(),
            source,
        })?;
        Self::new(path.to_owned(), bytes, Some(handle))
    }

    /// Decodes a model in memory. `name` stands for the file: it appears in messages, and external data is read from its folder.
    ///
    /// # Errors
    /// As [`ModelFile::open`].
    pub fn from_bytes(name: &str, bytes: Bytes) -> Result<Self, Error> {
        Self::new(name.into(), bytes, None)
    }

    /// The same for a model that stands for the file at `path`.
    ///
    /// # Errors
    /// As [`ModelFile::open`].
    pub(crate) fn of_bytes(path: &Path, bytes: Bytes) -> Result<Self, Error> {
        Self::new(path.to_owned(), bytes, None)
    }

    /// Decodes a model that lies in memory alone; messages call it `<memory>`.
    ///
    /// # Errors
    /// As [`ModelFile::open`], and if tensors of it lie in data files, for which there is no folder.
    pub fn from_memory(bytes: Bytes) -> Result<Self, Error> {
        let file = Self::from_bytes(MEMORY, bytes)?;
        let mut location = None;
        external::tensors_of_model(file.model(), &mut |tensor| {
            location = location.or(external::location(tensor));
        });
        match location.map(ToOwned::to_owned) {
            Some(location) => Err(Error::Detached {
                file: file.path,
                location,
            }),
            None => Ok(file),
        }
    }

    /// Whether it was decoded from bytes, so that its path is only a name.
    pub fn is_in_memory(&self) -> bool {
        self.handle.is_none()
    }

    fn new(path: PathBuf, bytes: Bytes, handle: Option<File>) -> Result<Self, Error> {
        let model = match ModelProto::decode(bytes.clone()) {
            Ok(model) => model,
            Err(error) => return Err(refusal(path, &bytes, &error.to_string())),
        };
        let Some(graph) = &model.graph else {
            let known = model.ir_version.is_some() || !model.opset_import.is_empty();
            return Err(match sniff::sniff(&bytes) {
                Some(what) => Error::NotOnnx { file: path, what },
                None if known => Error::NoGraph { file: path },
                None => not_a_model(path, &bytes),
            });
        };
        let parts = match parts(&bytes) {
            Ok(parts) => parts,
            Err(damage) => return Err(refusal(path, &bytes, &damage.cause)),
        };
        let index = index(&path, graph)?;
        if let Some(function) = callees::recursive(&model) {
            let function = function.to_owned();
            return Err(Error::Recursion {
                file: path,
                function,
            });
        }
        Ok(Self {
            path,
            bytes,
            handle: handle.map(Mutex::new),
            parts,
            model,
            index,
            data_files: DataFiles::default(),
        })
    }

    /// A part of a model as a model of its own, for analysis; `path` is that of the whole. It has no bytes of its own.
    ///
    /// # Errors
    /// If its graph is cyclic or defines a value twice.
    pub(crate) fn in_memory(path: &Path, model: ModelProto) -> Result<Self, Error> {
        let graph = model.graph.as_ref().ok_or_else(|| Error::NoGraph {
            file: path.to_owned(),
        })?;
        let index = index(path, graph)?;
        Ok(Self {
            path: path.to_owned(),
            bytes: Bytes::new(),
            handle: None,
            parts: Vec::new(),
            model,
            index,
            data_files: DataFiles::default(),
        })
    }

    /// Checks the model against the specification of ONNX. Everything that analyses, rewrites or runs a model does so first.
    ///
    /// # Errors
    /// If a value is used that nothing defines, or a node is not as its operator set allows.
    pub fn validate(&self) -> Result<(), Error> {
        validate::validate(&self.model).map_err(|found| found.in_file(&self.path))
    }

    /// Whether every node stands behind those whose results it needs. ONNX demands it; what runs models mostly does not.
    ///
    /// # Errors
    /// [`Error::Unsorted`], which names the first node that does not.
    pub fn check_order(&self) -> Result<(), Error> {
        self.index().misplaced().map_or(Ok(()), |at| {
            Err(Error::Unsorted {
                file: self.path.clone(),
                node: index::describe(self.graph(), at),
            })
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file when it was read, in bytes and without external data.
    pub fn size(&self) -> usize {
        self.bytes.len()
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

    /// Whether a node of the model is one of the main graph's own, and not of a body or a function.
    pub(crate) fn is_in_graph(&self, node: &NodeProto) -> bool {
        self.graph()
            .node
            .as_ptr_range()
            .contains(&std::ptr::from_ref(node))
    }

    /// Version of the default operator set, 1 if the model names none.
    pub fn opset(&self) -> i64 {
        let default = self.model.opset_import.iter().rev();
        let mut default = default.filter(|o| o.is_standard());
        default.next().map_or(1, |o| o.version())
    }

    /// Who makes and who uses each value of the main graph.
    pub fn index(&self) -> &GraphIndex {
        &self.index
    }

    /// The position of the initializer that a value of the main graph always is: not of one that is an input too, which callers may
    /// override. Before IR version 4 every initializer had to be listed as an input, and none could be.
    pub fn constant(&self, id: ValueId) -> Option<usize> {
        let overridable =
            self.index.is_input(id) && self.model.ir_version() >= OVERRIDING_IR_VERSION;
        self.index.initializer(id).filter(|_| !overridable)
    }

    /// The elements of a tensor of this model, from its raw bytes, its typed fields or its external file.
    ///
    /// # Errors
    /// If the data is damaged, does not fit the shape, or lies in a file that is missing, too short or outside the model's
    /// folder.
    pub fn tensor(&self, tensor: &TensorProto) -> Result<Tensor, Error> {
        self.elements(tensor).map_err(|cause| Error::Tensor {
            file: self.path.clone(),
            tensor: tensor.name().to_owned(),
            cause,
            external: tensor.is_external(),
        })
    }

    fn elements(&self, tensor: &TensorProto) -> Result<Tensor, String> {
        if !tensor.is_external() {
            return Tensor::from_proto(tensor);
        }
        let (dtype, shape) = tensor::header(tensor)?;
        let need = tensor::byte_len(dtype, &shape)?;
        let data = self.data_files.bytes(&self.path, tensor, need)?;
        Tensor::new(dtype, shape, data)
    }

    /// The model that `edit` makes, in memory. Weights are shared, not copied.
    pub fn edited(&self, edit: &Edit) -> ModelProto {
        Decided::new(edit, self).apply()
    }

    /// The fields of the file.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// The index of a graph of the file at `path`.
fn index(path: &Path, graph: &GraphProto) -> Result<GraphIndex, Error> {
    let file = path.to_owned();
    GraphIndex::new(graph).map_err(|fault| match fault {
        Fault::DefinedTwice(value, first, second) => Error::DefinedTwice {
            file,
            value,
            first,
            second,
        },
        Fault::Cycle(node) => Error::Cycle { file, node },
    })
}

/// The error for a file that prost refuses.
fn refusal(file: PathBuf, bytes: &[u8], cause: &str) -> Error {
    if let Some(what) = sniff::sniff(bytes) {
        return Error::NotOnnx { file, what };
    }
    if !schema::begins_like_a_model(bytes) {
        return not_a_model(file, bytes);
    }
    match schema::locate(bytes) {
        Some(found) => Error::Decode {
            file,
            place: found.place,
            cause: found.cause,
            offset: found.offset,
        },
        None => Error::Decode {
            file,
            place: "ModelProto".into(),
            cause: cause.into(),
            offset: 0,
        },
    }
}

fn not_a_model(file: PathBuf, bytes: &[u8]) -> Error {
    let head: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let what = format!("no model begins with the bytes {}", head.join(" "));
    Error::NotOnnx { file, what }
}
