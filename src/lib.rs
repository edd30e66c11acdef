//! Phasor finds the position encodings of an ONNX model by proof, replaces them by native operators, and checks the numbers.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod confirm;
pub mod engine;
pub mod facts;
pub mod onnx;
pub mod pipeline;
pub mod recognize;
pub mod report;
pub mod rewrite;
pub mod rules;
pub mod scopes;
pub mod symbolic;
pub mod verify;

pub use pipeline::{Options, Outcome, Progress, fuse};
