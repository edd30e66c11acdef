//! The model as a file: lossless reading, editing and writing of ONNX.
//!
//! * [`ModelFile`] maps a file, decodes its messages ([`proto`]) without touching weights, and knows the byte range of every
//!   element of the model and of its main graph.
//! * [`GraphIndex`] knows the producer and the users of each value of the main graph.
//! * [`Tensor`] holds the elements of one tensor, from wherever the file keeps them.
//! * [`Edit`] is a change. [`ModelFile::stage`] writes the input's own bytes, without removed elements and with new ones, so that everything else, unknown fields included, survives byte for byte; [`ModelFile::edited`] does the same in
//!   memory.
//! * [`ModelFile::validate`] checks every node against the specification, by one table of operators.
//! * [`text`] reads models that are written as text.
//! * [`functions`] expands calls of model-local functions in a copy made for analysis.

mod bring;
pub(crate) mod callees;
pub(crate) mod check;
mod data;
mod dtype;
mod edit;
mod error;
mod external;
mod file;
mod folder;
pub mod functions;
mod index;
mod layout;
mod map;
pub(crate) mod names;
pub(crate) mod operators;
mod place;
pub mod proto;
mod schema;
mod signals;
mod sniff;
mod stage;
mod temporary;
mod tensor;
pub mod text;
mod validate;
mod wire;
mod write;

pub(crate) use data::byte_len as tensor_bytes;
pub use dtype::DataType;
pub use edit::Edit;
pub use error::Error;
pub use file::ModelFile;
pub(crate) use folder::NewFolder;
pub use index::{GraphIndex, ValueId};
pub use place::check_output;
pub(crate) use place::folder_of;
pub use signals::clean_up_on_signals;
pub use stage::{Staged, Written};
pub use tensor::Tensor;
