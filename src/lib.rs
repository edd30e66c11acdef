//! Phasor finds the position encodings of an ONNX model by proof, replaces them by native operators, and checks the numbers.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod engine;
pub mod facts;
pub mod onnx;
pub mod verify;
