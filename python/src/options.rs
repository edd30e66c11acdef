//! Arguments of commands, read from the attributes of Python objects that have checked them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use phasor::{
    Accepted, BenchOptions, Destination, EnginePreference, FuseOptions, Goal, Held, Limits,
    Selection, Target, VerifyOptions,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors;

/// A model: the content of a file, or the path of one.
#[derive(FromPyObject)]
pub(crate) enum Model {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

impl Model {
    /// # Errors
    /// A file that cannot be read, or that is no model.
    pub(crate) fn open(self) -> Result<phasor::Model, phasor::ModelError> {
        match self {
            Self::Bytes(content) => phasor::Model::from_memory(bytes::Bytes::from_owner(content)),
            Self::Path(path) => phasor::Model::open(path),
        }
    }
}

/// How a model is searched.
#[derive(FromPyObject)]
pub(crate) struct Search {
    select: Vec<String>,
    ignore: Vec<String>,
    tables_to_compute: bool,
    dims: BTreeMap<String, i64>,
    steps: Option<u64>,
    bytes: Option<u64>,
    seconds: Option<u64>,
}

impl Search {
    /// # Errors
    /// A rule that there is not.
    pub(crate) fn read(self) -> PyResult<phasor::Search> {
        let rules = |names: &[String]| -> anyhow::Result<Vec<&'static str>> {
            let rule = |name: &String| Ok(phasor::cli::rule(name)?.id);
            names.iter().map(rule).collect()
        };
        let default = Limits::default();
        Ok(phasor::Search {
            rules: Selection {
                select: rules(&self.select).map_err(errors::advice)?,
                ignore: rules(&self.ignore).map_err(errors::advice)?,
                tables_to_compute: self.tables_to_compute,
            },
            sizes: self.dims,
            budget: Limits {
                steps: self.steps.unwrap_or(default.steps),
                bytes: self.bytes.unwrap_or(default.bytes),
                seconds: self.seconds.or(default.seconds),
            },
        })
    }
}

/// How two models are compared.
#[derive(FromPyObject)]
pub(crate) struct Comparison {
    seeds: Option<u64>,
    inputs: Vec<PathBuf>,
    dims: BTreeMap<String, i64>,
    engine: Option<String>,
    onnxruntime: Option<PathBuf>,
    ops_library: Option<PathBuf>,
    custom_ops: Vec<PathBuf>,
    time_limit: Option<u64>,
    tolerance: Option<f64>,
    required: bool,
}

impl Comparison {
    /// # Errors
    /// An engine or a library that cannot be used.
    pub(crate) fn read(self) -> Result<VerifyOptions, phasor::VerifyError> {
        let default = VerifyOptions::default();
        let options = VerifyOptions {
            seeds: self.seeds.unwrap_or(default.seeds),
            dims: self.dims,
            inputs: self.inputs,
            engine: match self.engine.as_deref() {
                Some("ort") => EnginePreference::OnnxRuntime,
                Some("tract") => EnginePreference::Tract,
                _ => EnginePreference::Auto,
            },
            onnxruntime: self.onnxruntime,
            operators: self.ops_library,
            custom_operators: self.custom_ops,
            seconds: self.time_limit.unwrap_or(default.seconds),
            tolerance: self.tolerance,
            required: self.required,
            ..default
        };
        phasor::check_engines(&options)?;
        Ok(options)
    }
}

/// How models are timed.
#[derive(FromPyObject)]
pub(crate) struct Timing {
    dims: BTreeMap<String, i64>,
    threads: usize,
    rounds: usize,
    seconds: f64,
    onnxruntime: Option<PathBuf>,
    ops_library: Option<PathBuf>,
    custom_ops: Vec<PathBuf>,
}

impl From<Timing> for BenchOptions {
    fn from(timing: Timing) -> Self {
        BenchOptions {
            rounds: timing.rounds,
            seconds: timing.seconds,
            threads: timing.threads,
            dims: timing.dims,
            onnxruntime: timing.onnxruntime,
            operators: timing.ops_library,
            custom_operators: timing.custom_ops,
            program: phasor::program(),
        }
    }
}

/// Where a rewritten model goes.
#[derive(FromPyObject)]
pub(crate) struct Output {
    /// The file; none stands for the report.
    path: Option<PathBuf>,
    force: bool,
}

impl Output {
    pub(crate) fn destination(&self) -> Destination<'_> {
        match &self.path {
            Some(path) => Destination::File {
                path,
                force: self.force,
            },
            None => Destination::Memory,
        }
    }
}

/// What `phasor bench` measured: its JSON, or the path of a file with it.
#[derive(FromPyObject)]
pub(crate) enum Times {
    Json(PyBackedBytes),
    Path(PathBuf),
}

impl Times {
    /// # Errors
    /// A file that cannot be read, or something else than such a report.
    pub(crate) fn read(self) -> Result<phasor::Times, phasor::TimesError> {
        match self {
            Self::Json(text) => phasor::Times::from_memory(&text),
            Self::Path(path) => phasor::Times::read(&path),
        }
    }
}

/// What a page shows.
#[derive(FromPyObject)]
pub(crate) struct Page {
    pub(crate) output: Output,
    pub(crate) search: Search,
    pub(crate) comparison: Option<Comparison>,
    pub(crate) bench: Option<Times>,
}

/// How a model is fused.
#[derive(FromPyObject)]
pub(crate) struct Fuse {
    output: Output,
    check: bool,
    target: String,
    plain: Vec<String>,
    accept: Vec<String>,
    retarget: Vec<String>,
    pairs: bool,
    precise_angles: bool,
    search: Search,
    comparison: Option<Comparison>,
}

/// The arguments of a fusion, before engines are looked for.
pub(crate) struct Prepared {
    options: FuseOptions,
    comparison: Option<Comparison>,
}

impl Fuse {
    /// # Errors
    /// A rule that there is not.
    pub(crate) fn prepare(self) -> PyResult<Prepared> {
        let goal = match self.output {
            _ if self.check => Goal::Check,
            Output { path: None, .. } => Goal::Return,
            Output {
                path: Some(path),
                force,
            } => Goal::Write { path, force },
        };
        let target = match self.target.as_str() {
            "contrib" => Target::Contrib,
            "onnx" => Target::Onnx,
            _ if self.pairs => Target::PhasorPairs,
            _ => Target::Phasor,
        };
        Ok(Prepared {
            options: FuseOptions {
                goal,
                target,
                plain: phasor::cli::rules(&self.plain).map_err(errors::advice)?,
                // Python has checked that it is this word.
                accept: vec![Accepted::HiddenRows; self.accept.len()],
                retarget: self.retarget.iter().map(|name| held(name)).collect(),
                search: self.search.read()?,
                precise_angles: self.precise_angles,
                verify: None,
            },
            comparison: self.comparison,
        })
    }
}

/// An operator that holds rotations; Python has checked its name.
fn held(name: &str) -> Held {
    match name {
        "group-query-attention" => Held::GroupQueryAttention,
        _ => Held::RotaryEmbedding,
    }
}

impl Prepared {
    /// # Errors
    /// An engine or a library that cannot be used.
    pub(crate) fn read(self) -> Result<FuseOptions, phasor::VerifyError> {
        Ok(FuseOptions {
            verify: self.comparison.map(Comparison::read).transpose()?,
            ..self.options
        })
    }
}
