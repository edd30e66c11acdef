//! A CUDA device as a host of the kernels has it: memory, streams, graphs and events.
//!
//! `phasor-ops` itself only launches; what it launches on belongs to ONNX Runtime. The tests and benchmarks that run without one take
//! it from here, and a copy to compare kernels with. Everything is done through the driver, which is loaded at run time.
//!
//! No context stays current on a thread: each call makes the device's own current for as long as it takes, as hosts do that share a
//! thread.

#![allow(unsafe_code)]

mod api;
mod gpu;
mod graph;
mod memory;
mod module;
mod stream;

pub use gpu::{Current, Gpu};
pub use graph::Graph;
pub use memory::Memory;
pub use module::{Copy, Grid, Kernel, Module};
pub use stream::{Event, Stream};
