//! Whether two models compute the same.

use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use phasor::engine::ort::{Level, Ort};
use phasor::engine::tract::{Tract, TractBodies};
use phasor::engine::{Engine, Session, Source, locate};
use phasor::onnx::proto::ModelProto;
use phasor::onnx::{DataType, Tensor};
use proptest::prelude::*;

/// The name and tensor of each input.
pub(crate) type Inputs = Vec<(String, Tensor)>;

/// What runs the original, and what runs the fused model: by kernels and by function bodies.
struct Machines {
    original: Box<dyn Engine + Send + Sync>,
    fused: [Box<dyn Engine + Send + Sync>; 2],
}

/// ONNX Runtime with the operator library where they are found, else the embedded engine. Graphs run as they are written: what an
/// optimiser makes of them proves nothing, and some of the models crash it.
static MACHINES: LazyLock<Machines> = LazyLock::new(|| match onnx_runtime() {
    Ok((ort, library)) => Machines {
        original: Box::new(ort.clone()),
        fused: [
            Box::new(ort.clone().with_operators(Some(library))),
            Box::new(ort),
        ],
    },
    Err(why) => {
        // Not `eprintln`: the test harness swallows it.
        drop(writeln!(
            std::io::stderr(),
            "compared in the embedded engine alone: {why}"
        ));
        Machines {
            original: Box::new(Tract),
            fused: [Box::new(Tract), Box::new(TractBodies)],
        }
    }
});

fn onnx_runtime() -> Result<(Ort, PathBuf), String> {
    let ort = Ort::find(None).map_err(|e| e.to_string())?;
    let library = locate::operators(None).first()?;
    Ok((ort.with_threads(1).with_level(Level::Off), library.path))
}

/// Compares a fused model with the original on these inputs, each set with what it is for people, and gives the number of
/// comparisons. Without a tolerance every bit is the same. Where the original does not run, nothing is claimed.
pub(crate) fn agree<F: std::fmt::Debug>(
    (original, fused): (&ModelProto, &ModelProto),
    output: &str,
    feeds: impl IntoIterator<Item = (F, Inputs)>,
    tolerance: Option<f64>,
) -> Result<usize, TestCaseError> {
    let names = &[output.to_owned()];
    let machines = &*MACHINES;
    let Ok(mut original) = machines.original.open(Source::Proto(original, None)) else {
        return Ok(0);
    };
    let mut sessions: Vec<Box<dyn Session>> = Vec::new();
    for machine in &machines.fused {
        let opened = machine.open(Source::Proto(fused, None));
        sessions.push(opened.map_err(|e| TestCaseError::fail(format!("fused: {e}")))?);
    }
    let mut comparisons = 0;
    for (feed, inputs) in feeds {
        let Ok(want) = original.run(&inputs, names) else {
            continue;
        };
        for (session, way) in sessions.iter_mut().zip(["kernels", "bodies"]) {
            let got = session.run(&inputs, names);
            let got = got.map_err(|e| TestCaseError::fail(format!("{feed:?} by {way}: {e}")))?;
            let found = match tolerance {
                Some(tolerance) => difference(&want[0], &got[0], tolerance),
                None => (want[0] != got[0]).then(|| apart(&want[0], &got[0])),
            };
            prop_assert!(
                found.is_none(),
                "{:?} by {}: {}",
                feed,
                way,
                found.unwrap_or_default()
            );
            comparisons += 1;
        }
    }
    Ok(comparisons)
}

/// Where two tensors with different bits differ first.
fn apart(want: &Tensor, got: &Tensor) -> String {
    if want.shape != got.shape {
        return format!("shape {:?} became {:?}", want.shape, got.shape);
    }
    let (a, b) = (want.to_f64(), got.to_f64());
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let at = a
        .iter()
        .zip(&b)
        .position(|(a, b)| a.to_bits() != b.to_bits());
    at.map_or_else(
        || "some bits differ".to_owned(),
        |at| {
            format!(
                "in element {at} of {:?} {} became {}",
                want.shape, a[at], b[at]
            )
        },
    )
}

/// How the second tensor differs from the first: in shape, in which elements are finite, or by more than a share of the largest
/// element of the same row. In half precision it is that of the tensor: a sum of products that nearly cancel keeps their rounding.
fn difference(want: &Tensor, got: &Tensor, tolerance: f64) -> Option<String> {
    if want.shape != got.shape {
        return Some(format!("shape {:?} became {:?}", want.shape, got.shape));
    }
    let (a, b) = (want.to_f64()?, got.to_f64()?);
    let channels = want.shape.last().copied().unwrap_or(1).max(1);
    // What is less than that is lost in numbers without a leading one.
    let (least, row) = match want.dtype {
        DataType::F16 => (1e-6, a.len().max(1)),
        _ => (1e-38, channels),
    };
    let largest = |row: &[f64]| {
        let finite = row.iter().filter(|v| v.is_finite());
        finite.fold(0.0f64, |m, v| m.max(v.abs()))
    };
    for (a, b) in a.chunks(row).zip(b.chunks(row)) {
        let allowed = tolerance * largest(a) + least;
        for (at, (a, b)) in a.iter().zip(b).enumerate() {
            let same = match a.is_finite() && b.is_finite() {
                true => (a - b).abs() <= allowed,
                false => a.is_finite() == b.is_finite(),
            };
            if !same {
                let channel = at % channels;
                return Some(format!("in channel {channel} {a} became {b}"));
            }
        }
    }
    None
}
