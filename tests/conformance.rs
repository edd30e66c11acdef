//! The conformance suite of the operators in what runs models: tract, and ONNX Runtime where one is found, by kernels and by
//! function bodies.
#![cfg(all(feature = "tract", feature = "ort"))]
// Parts of the suite are for CUDA, and others for kernels alone.
#![allow(unexpected_cfgs, dead_code)]

#[path = "../ops/tests/conformance/common.rs"]
mod common;
#[path = "../ops/tests/conformance/host.rs"]
mod host;
#[path = "conformance/hosts.rs"]
mod hosts;
#[path = "../ops/tests/conformance/rotary.rs"]
mod rotary;

pub(crate) use hosts::runners;
