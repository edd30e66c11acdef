//! Compares two models by running both on the same inputs.
#![forbid(unsafe_code)]

pub mod compare;
pub mod npz;

pub use npz::NpzError;
