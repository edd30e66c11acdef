//! What a command gives back to Python.

use anstream::adapter::strip_str;
use phasor::Model;
use phasor::report::{Comparison, Verification};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;

/// A report, and what comes with it.
#[pyclass(frozen, module = "phasor._native")]
pub(crate) struct Answer {
    /// The report, as `--format json` prints it.
    #[pyo3(get)]
    json: String,
    /// The report, as the command prints it in colour.
    #[pyo3(get)]
    painted: String,
    /// What users should know of the model that was read.
    #[pyo3(get)]
    warnings: Vec<String>,
    /// What to do about a comparison that ended badly.
    #[pyo3(get)]
    hint: Option<String>,
    bytes: Option<bytes::Bytes>,
}

impl Answer {
    pub(crate) fn new(report: &impl Serialize, painted: String) -> Self {
        Self {
            json: serde_json::to_string(report).expect("reports are plain data"),
            painted,
            warnings: Vec::new(),
            hint: None,
            bytes: None,
        }
    }

    /// With the new model.
    pub(crate) fn with_bytes(mut self, bytes: Option<bytes::Bytes>) -> Self {
        self.bytes = bytes;
        self
    }

    /// With a warning if sites are not found because a data file of the model is missing.
    pub(crate) fn model(mut self, model: &Model) -> Self {
        let missing = model.missing_data();
        let warning = |missing| format!("{missing}; sites that need it are not found");
        self.warnings.extend(missing.map(warning));
        self
    }

    /// With the hint of a comparison.
    pub(crate) fn compared(mut self, comparison: &Comparison) -> Self {
        self.hint = comparison.hint();
        self
    }

    /// With the hint of the comparison of the new model with the old one.
    pub(crate) fn verified(self, verification: &Verification) -> Self {
        match verification {
            Verification::Done(comparison) => self.compared(comparison),
            Verification::NotNeeded | Verification::LeftOut => self,
        }
    }
}

#[pymethods]
impl Answer {
    /// One that was taken apart, as pickling does.
    #[new]
    fn restored(
        json: String,
        painted: String,
        warnings: Vec<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            json,
            painted,
            warnings,
            hint,
            bytes: None,
        }
    }

    /// The report without colours.
    #[getter]
    fn text(&self) -> String {
        strip_str(&self.painted).to_string()
    }

    /// The new model, if it was to be given back and was made.
    #[getter(bytes)]
    fn given_back<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, self.bytes.as_deref()?))
    }
}
