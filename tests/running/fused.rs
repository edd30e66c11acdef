//! Models fused for a target, compared in the embedded engine.

use phasor::onnx::ModelFile;
use phasor::pipeline::{self, Check, Error, Goal, Options, Outcome, Search};
use phasor::recognize::Selection;
use phasor::rewrite::Target;
use phasor::verify::{self, Preference};
use tempfile::TempDir;

/// Fuses for a target, comparing in the embedded engine; the model that is written.
pub(crate) fn fuse(file: &ModelFile, target: Target) -> Result<(Outcome, ModelFile), Error> {
    fuse_by(file, target, Selection::default())
}

/// The same by these rules.
pub(crate) fn fuse_by(
    file: &ModelFile,
    target: Target,
    rules: Selection,
) -> Result<(Outcome, ModelFile), Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fused.onnx");
    let options = Options {
        goal: Goal::Write {
            path: path.clone(),
            force: false,
        },
        search: Search {
            rules,
            ..Search::default()
        },
        target,
        plain: Vec::new(),
        accept: Vec::new(),
        retarget: Vec::new(),
        precise_angles: false,
        verify: Some(verify::Options {
            engine: Preference::Tract,
            ..Default::default()
        }),
    };
    let outcome = pipeline::fuse(file, &options, &mut ())?;
    let bytes = std::fs::read(path).unwrap();
    let fused = ModelFile::from_bytes("fused.onnx", bytes.into()).unwrap();
    Ok((outcome, fused))
}

pub(crate) fn compared(outcome: &Outcome) -> bool {
    matches!(&outcome.check, Check::Done(report) if report.same())
}

/// Operators of a domain in the main graph.
pub(crate) fn count(file: &ModelFile, domain: &str, op: &str) -> usize {
    let nodes = file.graph().node.iter();
    nodes
        .filter(|node| node.domain() == domain && node.op_type() == op)
        .count()
}
