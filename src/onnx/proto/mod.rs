//! The messages of `onnx.proto` (IR version 14) as prost structs, written by hand.
//!
//! Names and field numbers are those of the ONNX specification. Optional scalars are `Option<T>` with a getter of the
//! field's name that returns the protobuf default when it is absent; rare or large sub-messages are boxed so that a node
//! stays small. Byte fields are views of the buffer the model was decoded from and are never copied.
//!
//! Decoding drops fields these structs do not know: a model is written through [`crate::onnx::ModelFile`], which copies
//! every untouched element from the input's own bytes.
#![allow(missing_docs)]

mod graph;
mod model;
mod node;
mod packed;
mod tensor;
mod types;

pub use graph::*;
pub use model::*;
pub use node::is_default_domain;
pub use packed::{Element, Packed};
pub use tensor::*;
pub use types::*;
