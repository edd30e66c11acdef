//! The way back from fused models, and the operators in the embedded engine.
#![cfg(feature = "tract")]

#[path = "running/build.rs"]
#[allow(dead_code)]
mod build;
#[path = "unfuse/kernels.rs"]
mod kernels;
#[path = "unfuse/models.rs"]
mod models;
#[path = "unfuse/operators.rs"]
mod operators;
