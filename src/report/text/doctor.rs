//! The report of `phasor doctor` as text.

use super::{BAD, GOOD, WARN, paint, path};
use crate::doctor::{Cuda, Found, Installation};
use crate::report::DoctorReport;

/// Width of the first column.
const WIDTH: usize = 18;

/// The report of `phasor doctor`.
pub fn doctor(report: &DoctorReport) -> String {
    let found = &report.installation;
    let mut out = format!(
        "phasor {}, with {}, for {}\n",
        report.tool.version,
        listed(&found.features),
        found.system
    );
    out += &row(
        "ONNX Runtime",
        &[runtime(&found.onnxruntime), file(&found.onnxruntime)],
    );
    out += &row(
        "operator library",
        &[library(found), file(&found.operators)],
    );
    let chosen = found.instruction_sets.last().copied().unwrap_or("none");
    out += &row("instruction set", &[chosen.to_owned()]);
    out += &row("CUDA", &cuda(&found.cuda));
    let engines = match &found.engines[..] {
        [] => paint(WARN, "nothing: models cannot be compared"),
        engines => engines.join(", then "),
    };
    out += &row("models compared in", &[engines]);
    if !found.snippets.is_empty() {
        out += "To register the library:\n";
    }
    for snippet in &found.snippets {
        out += &row(snippet.host, std::slice::from_ref(&snippet.text));
    }
    out
}

/// A name and what is said of it, a line each; nothing of an empty one.
fn row(name: &str, lines: &[String]) -> String {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names
        .zip(lines)
        .map(|(name, line)| format!("  {name:WIDTH$}  {line}\n"))
        .collect()
}

fn listed(words: &[&str]) -> String {
    match words {
        [] => "no engine".to_owned(),
        words => words.join(" and "),
    }
}

fn file(found: &Found) -> String {
    found.path.as_ref().map(path).unwrap_or_default()
}

fn origin(found: &Found) -> String {
    let origin = found.origin.as_ref();
    origin
        .map(|origin| format!(", {origin}"))
        .unwrap_or_default()
}

fn runtime(found: &Found) -> String {
    match (&found.version, &found.problem) {
        (Some(version), _) => format!("{}{}", paint(GOOD, version), origin(found)),
        (None, problem) => paint(WARN, problem.as_deref().unwrap_or("none")),
    }
}

fn library(found: &Installation) -> String {
    let library = &found.operators;
    match (&library.path, &library.problem, found.registers) {
        (None, problem, _) => {
            let problem = problem.as_deref().unwrap_or_default();
            format!("{}: {problem}", paint(BAD, "not found"))
        }
        (_, Some(problem), _) => format!("{}: {problem}", paint(BAD, "does not load")),
        (_, None, Some(_)) => format!("{}{}", paint(GOOD, "loads"), origin(library)),
        (_, None, None) => {
            let what = paint(WARN, "not tried: ONNX Runtime was not found");
            format!("{what}{}", origin(library))
        }
    }
}

fn cuda(cuda: &Cuda) -> Vec<String> {
    if let Some(problem) = &cuda.problem {
        return vec![problem.clone()];
    }
    let driver = cuda.version.as_ref();
    let driver = driver.map(|version| format!("a driver for CUDA {version}"));
    let devices = cuda
        .devices
        .iter()
        .map(|device| format!("{}, compute capability {}", device.name, device.capability));
    let lacking: Vec<String> = cuda
        .lacking
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let lacking = (!lacking.is_empty()).then(|| {
        format!(
            "no kernel for {}, which a session with the library runs on the CPU: see `phasor fuse --plain`",
            lacking.join(", ")
        )
    });
    driver.into_iter().chain(devices).chain(lacking).collect()
}
