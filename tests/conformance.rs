//! The conformance suite of the operators in what runs models: tract, and ONNX Runtime where one is found, by kernels and by
//! function bodies.
#![cfg(all(feature = "tract", feature = "ort"))]
// Parts of the suite are for CUDA, and others for kernels alone.
#![allow(unexpected_cfgs, dead_code)]

#[path = "../ops/tests/conformance/alibi_bias.rs"]
mod alibi_bias;
#[path = "../ops/tests/conformance/angles.rs"]
mod angles;
#[path = "../ops/tests/conformance/attended.rs"]
mod attended;
#[path = "../ops/tests/conformance/attention.rs"]
mod attention;
#[path = "running/build.rs"]
mod build;
#[path = "../ops/tests/conformance/cached_attention.rs"]
mod cached_attention;
#[path = "../ops/tests/conformance/common.rs"]
mod common;
#[path = "../ops/tests/conformance/host.rs"]
mod host;
#[path = "conformance/hosts.rs"]
mod hosts;
#[path = "../ops/tests/conformance/positions.rs"]
mod positions;
#[path = "../ops/tests/conformance/relative_bias.rs"]
mod relative_bias;
#[path = "../ops/tests/conformance/relative_gather.rs"]
mod relative_gather;
#[path = "../ops/tests/conformance/rotary.rs"]
mod rotary;
#[path = "../ops/tests/conformance/rotary_heads.rs"]
mod rotary_heads;
#[path = "../ops/tests/conformance/rotary_pair.rs"]
mod rotary_pair;
#[path = "../ops/tests/conformance/rotary_table.rs"]
mod rotary_table;
#[path = "../ops/tests/conformance/sinusoidal.rs"]
mod sinusoidal;

pub(crate) use hosts::runners;
