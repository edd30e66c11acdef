//! The commands, one function each.

use std::ffi::OsString;
use std::path::PathBuf;

use phasor::report::{RulesReport, text};
use phasor::{Host, ReportOptions};
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::errors;
use crate::options::{Comparison, Fuse, Model, Output, Page, Search, Times, Timing};
use crate::work::run;

/// What libraries are found in, in messages.
const PACKAGE: &str = "the Python package";

type Callback<'py> = Option<Bound<'py, PyAny>>;

/// Says where the package keeps the operator library, where `onnxruntime` is or would be, and how its command line is started.
#[pyfunction]
pub(crate) fn set_host(folder: PathBuf, packages: Option<PathBuf>, program: Vec<OsString>) {
    phasor::set_host(Host {
        name: PACKAGE,
        folder,
        packages,
        program,
    });
}

/// Runs the command line. It sets handlers of signals for the whole process.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| phasor::cli::main(arguments))
}

/// The path of the operator library.
#[pyfunction]
pub(crate) fn library_path() -> PyResult<PathBuf> {
    phasor::operator_library().map_err(|tried| {
        let hint = "install the package again, or name the library in `PHASOR_OPS_LIB`";
        let message = format!("the operator library was not found: {tried}");
        errors::raise("MissingFileError", &message, Some(hint.to_owned()))
    })
}

/// What models are run with on this machine.
#[pyfunction]
pub(crate) fn doctor(
    py: Python<'_>,
    onnxruntime: Option<PathBuf>,
    operators: Option<PathBuf>,
) -> PyResult<Answer> {
    run(py, None, move |_| {
        let report = phasor::doctor(onnxruntime.as_deref(), operators.as_deref());
        Ok(Answer::new(&report, text::doctor(&report)))
    })
}

/// How fast two models run, against each other.
#[pyfunction]
pub(crate) fn bench(
    py: Python<'_>,
    before: PathBuf,
    after: PathBuf,
    timing: Timing,
    progress: Callback<'_>,
) -> PyResult<Answer> {
    run(py, progress.as_ref(), move |steps| {
        let open = |path: &PathBuf| phasor::Model::open(path).map_err(|e| errors::model(&e));
        let (before, after) = (open(&before)?, open(&after)?);
        let report = phasor::bench(&before, &after, &timing.into(), steps);
        let report = report.map_err(|e| errors::verify(&e))?;
        Ok(Answer::new(&report, text::bench(&report)))
    })
}

/// What two models are made of.
#[pyfunction]
pub(crate) fn diff(py: Python<'_>, before: Model, after: Model) -> PyResult<Answer> {
    run(py, None, move |_| {
        let before = before.open().map_err(|e| errors::model(&e))?;
        let after = after.open().map_err(|e| errors::model(&e))?;
        let report = phasor::diff(&before, &after);
        Ok(Answer::new(&report, text::diff(&report)))
    })
}

/// The rules, or one of them.
#[pyfunction]
pub(crate) fn rules(rule: Option<&str>) -> PyResult<Answer> {
    let rule = rule.map(phasor::cli::rule).transpose();
    let rule = rule.map_err(errors::advice)?;
    let report = RulesReport::new(rule.copied());
    Ok(Answer::new(&report, text::rules(&report, rule.is_some())))
}

/// The sites of a model, and the near misses.
#[pyfunction]
pub(crate) fn inspect(py: Python<'_>, model: Model, search: Search) -> PyResult<Answer> {
    let search = search.read()?;
    run(py, None, move |_| {
        let model = model.open().map_err(|e| errors::model(&e))?;
        let report = phasor::inspect(&model, &search).map_err(|e| errors::command(&e))?;
        Ok(Answer::new(&report, text::inspect(&report)).model(&model))
    })
}

/// The near misses of a model, or what is at or nearest to a name.
#[pyfunction]
pub(crate) fn explain(
    py: Python<'_>,
    model: Model,
    name: Option<String>,
    search: Search,
) -> PyResult<Answer> {
    let search = search.read()?;
    run(py, None, move |_| {
        let model = model.open().map_err(|e| errors::model(&e))?;
        let name = name.as_deref();
        let report = phasor::explain(&model, name, &search).map_err(|e| errors::command(&e))?;
        let unknown = || phasor::cli::unknown(&model, name.unwrap_or_default()).into();
        let report = report.ok_or_else(unknown).map_err(errors::advice)?;
        Ok(Answer::new(&report, text::explain(&report)).model(&model))
    })
}

/// The fused model, or what would be fused.
#[pyfunction]
pub(crate) fn fuse(
    py: Python<'_>,
    model: Model,
    options: Fuse,
    progress: Callback<'_>,
) -> PyResult<Answer> {
    let prepared = options.prepare()?;
    run(py, progress.as_ref(), move |steps| {
        let model = model.open().map_err(|e| errors::model(&e))?;
        let options = prepared.read().map_err(|e| errors::verify(&e))?;
        let is_wanted = steps.wanted();
        let report = phasor::fuse_and_report(&model, &options, steps, &mut |_| is_wanted());
        let mut report = report.map_err(|e| errors::command(&e))?;
        let bytes = report.bytes.take();
        let answer = Answer::new(&report, text::fuse(&report)).with_bytes(bytes);
        let answer = answer.verified(&report.verification);
        Ok(match options.verify {
            Some(_) => answer,
            None => answer.model(&model),
        })
    })
}

/// The model with fused nodes expanded.
#[pyfunction]
pub(crate) fn unfuse(
    py: Python<'_>,
    model: Model,
    output: Output,
    comparison: Option<Comparison>,
    progress: Callback<'_>,
) -> PyResult<Answer> {
    run(py, progress.as_ref(), move |steps| {
        let verify = comparison.map(Comparison::read).transpose();
        let verify = verify.map_err(|e| errors::verify(&e))?;
        let model = model.open().map_err(|e| errors::model(&e))?;
        let output = output.destination();
        let is_wanted = steps.wanted();
        let report =
            phasor::unfuse_and_report(&model, output, verify.as_ref(), steps, &mut |_| is_wanted());
        let mut report = report.map_err(|e| errors::command(&e))?;
        let bytes = report.bytes.take();
        let answer = Answer::new(&report, text::unfuse(&report)).with_bytes(bytes);
        Ok(answer.verified(&report.verification))
    })
}

/// A page of what is in a model.
#[pyfunction]
pub(crate) fn report(
    py: Python<'_>,
    model: Model,
    fused: Option<Model>,
    options: Page,
    progress: Callback<'_>,
) -> PyResult<Answer> {
    let search = options.search.read()?;
    run(py, progress.as_ref(), move |steps| {
        let times = options.bench.map(Times::read).transpose();
        let times = times.map_err(|e| errors::times(&e))?;
        let model = model.open().map_err(|e| errors::model(&e))?;
        let fused = fused.map(Model::open).transpose();
        let fused = fused.map_err(|e| errors::model(&e))?;
        let verify = options.comparison.map(Comparison::read).transpose();
        let how = ReportOptions {
            fused: fused.as_ref(),
            search,
            verify: verify.map_err(|e| errors::verify(&e))?,
            times: times.as_ref(),
            output: options.output.destination(),
        };
        let report = phasor::report(&model, &how, steps).map_err(|e| errors::command(&e))?;
        let answer = Answer::new(&report, text::page(&report));
        let answer = answer.verified(&report.verification);
        let answer = answer.with_bytes(Some(report.html.into()));
        Ok(match how.verify {
            Some(_) => answer,
            None => answer.model(&model),
        })
    })
}

/// The comparison of two models.
#[pyfunction]
pub(crate) fn verify(
    py: Python<'_>,
    reference: Model,
    model: Model,
    comparison: Comparison,
    progress: Callback<'_>,
) -> PyResult<Answer> {
    run(py, progress.as_ref(), move |steps| {
        let options = comparison.read().map_err(|e| errors::verify(&e))?;
        let reference = reference.open().map_err(|e| errors::model(&e))?;
        let model = model.open().map_err(|e| errors::model(&e))?;
        let report = phasor::verify_models(&reference, &model, &options, steps);
        let report = report.map_err(|e| errors::command(&e))?;
        Ok(Answer::new(&report, text::verify(&report)).compared(&report.report))
    })
}
