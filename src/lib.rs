//! Phasor finds the position encodings of an ONNX model by proof, replaces them by native operators, and checks the numbers.
//!
//! Each function is a command of the program `phasor`, and returns the report that the command prints with `--format json`.
//!
//! ```
//! use phasor::{FuseOptions, Goal, Model, Search};
//!
//! # fn main() -> Result<(), phasor::Error> {
//! let model = Model::open("models/llama-dynamo/model.onnx")?;
//! let found = phasor::inspect(&model, &Search::default())?;
//! // Two layers: queries and keys are rotated, and then attended to.
//! assert_eq!(found.sites.len(), 6);
//!
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! let options = FuseOptions {
//!     goal: Goal::Write {
//!         path: folder.path().join("fused.onnx"),
//!         force: false,
//!     },
//!     ..FuseOptions::default()
//! };
//! let report = phasor::fuse(&model, &options, &mut ())?;
//! assert!(report.nodes_after < report.model.nodes);
//! println!("{}", phasor::report::text::fuse(&report));
//! # Ok(())
//! # }
//! ```
//!
//! What is listed here is the interface of the crate. Modules that this page does not show are public for the tests, the fuzzer and the
//! benchmarks of the repository; they change without notice.
#![forbid(unsafe_op_in_unsafe_fn)]

mod api;
mod bench;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod confirm;
mod doctor;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod facts;
#[doc(hidden)]
pub mod onnx;
mod page;
#[doc(hidden)]
pub mod pipeline;
#[doc(hidden)]
pub mod recognize;
pub mod report;
#[doc(hidden)]
pub mod rewrite;
pub mod rules;
#[doc(hidden)]
pub mod scopes;
#[doc(hidden)]
pub mod symbolic;
#[doc(hidden)]
pub mod verify;

pub(crate) use api::footprint;
pub use api::{
    ReportOptions, bench, diff, doctor, explain, fuse, fuse_and_report, inspect, operator_library,
    report, unfuse, unfuse_and_report, verify, verify_models,
};
pub use bench::Options as BenchOptions;
#[doc(hidden)]
pub use engine::locate::program;
pub use engine::locate::{Host, OPS_VARIABLE as OPERATORS_VARIABLE, set_host};
pub use onnx::{Error as ModelError, ModelFile as Model, clean_up_on_signals};
pub use page::{Times, TimesError};
pub use pipeline::{Destination, Error, Goal, Options as FuseOptions, Progress, Search};
pub use recognize::{Rule, Selection, Stage};
pub use rewrite::{Accepted, Held, Target};
pub use symbolic::Limits;
pub use verify::{
    Error as VerifyError, Options as VerifyOptions, Preference as EnginePreference,
    check as check_engines,
};

/// Phasor's operators in [tract](https://github.com/sonos/tract).
#[cfg(feature = "tract")]
pub mod tract {
    pub use crate::engine::tract::{register, tract_onnx};
}
