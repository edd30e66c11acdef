//! The C ABI of ONNX Runtime custom operators, made safe.
//!
//! One library serves every ONNX Runtime from 1.17 on. Registration settles what the host offers: `host` reads the host's version
//! and asks for no newer API than it has; everything newer than API 17 is declared in `newer` and used only where the host is new
//! enough. Several copies of ONNX Runtime may live in one process; each has a `host::Host` of its own, which every operator and
//! kernel made for it carries along.
//!
//! No panic leaves this module: each callback runs in `guard::guard`, which turns a panic into a status. Kernels are shared
//! between threads and have no mutable state.
//!
//! An operator is an implementation of `operator::Operator` over safe tensors; `rotary` is the pattern for the rest. `infer` is how
//! an operator tells the host shapes before it runs. This module is the only one that knows `ort-sys`.

#![allow(unsafe_code)]

mod alibi_bias;
mod attention;
mod cached_attention;
mod constant;
mod context;
#[cfg(feature = "cuda")]
mod cuda;
mod frequencies;
mod guard;
mod host;
mod infer;
mod newer;
mod operator;
mod register;
mod relative_bias;
mod relative_gather;
mod rotary;
mod rotary_heads;
mod rotary_pair;
mod rotary_table;
mod sinusoidal;
mod status;
mod tensor;

use ort_sys::{OrtApiBase, OrtSessionOptions, OrtStatusPtr};
use std::ffi::c_char;

/// Adds the operators to the options of a session. Hosts call it when they load the library; calling it again for the same
/// options does nothing.
///
/// # Safety
/// `options` and `base` are the host's: valid, and of the same copy of ONNX Runtime.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RegisterCustomOps(
    options: *mut OrtSessionOptions,
    base: *const OrtApiBase,
) -> OrtStatusPtr {
    // SAFETY: `register` requires of both pointers what this function's `# Safety` section says.
    unsafe { register::register(options, base) }
}

/// The version of this library, a string that lives as long as the process.
#[unsafe(no_mangle)]
pub extern "C" fn phasor_ops_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
