//! The rewriter as the Python module `phasor._native`: arguments in, reports out as JSON and as text, errors as exceptions.
//!
//! What users call is the Python package around it, which checks arguments and makes objects of reports.
#![forbid(unsafe_code)]

mod answer;
mod commands;
mod errors;
mod options;
mod work;

/// The module.
#[pyo3::pymodule]
mod _native {
    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::answer::Answer;
    #[pymodule_export]
    use crate::commands::{
        bench, diff, doctor, explain, fuse, inspect, library_path, main, report, rules, set_host,
        unfuse, verify,
    };
}
