//! Values that a graph rounds to a narrower type on the way: what is fused rounds as well, or is left.

use crate::build::{bounds, f32s};
use crate::fused::{compared, count, fuse};
use phasor::onnx::ModelFile;
use phasor::rewrite::Target;
use prost::Message;
use tempfile::TempDir;

/// The rotation of `x` by halves.
const ROTATION: &str = "
    low = Slice(x, n0, n4, minus1)
    high = Slice(x, n4, n8, minus1)
    a = Mul(low, c)
    b = Mul(high, s)
    d = Mul(high, c)
    e = Mul(low, s)
    first = Sub(a, b)
    second = Add(d, e)
    y = Concat(first, second) axis=-1";

/// A model of `before` and a rotation, fused; numbers are compared with the original's.
fn fused(before: &str) -> ModelFile {
    let mut constants = bounds();
    constants.push(("frequencies", f32s(&[4], &[1.0, 0.31, 0.097, 0.0313])));
    let text = format!("{before}{ROTATION}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    let model = crate::build::model(&text, &constants);
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let (outcome, fused) = fuse(&ModelFile::open(&path).unwrap(), Target::Phasor).unwrap();
    assert!(
        outcome.nodes.0 == outcome.nodes.1 || compared(&outcome),
        "{:#?}",
        outcome.check
    );
    fused
}

fn rotations(file: &ModelFile) -> usize {
    count(file, "ai.phasor", "RotaryEmbedding")
}

const TABLES: &str = "
    c = Cos(angles)
    s = Sin(angles)";

#[test]
fn a_tensor_rounded_to_bfloat16_stays_rounded() {
    for from in ["bfloat16", "float16"] {
        let code = if from == "bfloat16" { 16 } else { 10 };
        let before = format!(
            "given: float[batch, 3, seq, 8]
            angles: float[seq, 4]
            narrow = Cast(given) to={code}
            x = Cast(narrow) to=1
            {TABLES}"
        );
        let model = fused(&before);
        assert!(
            rotations(&model) == 0 || count(&model, "", "Cast") == 2,
            "{from}"
        );
    }
}

#[test]
fn tables_rounded_to_bfloat16_stay_rounded() {
    let model = fused(
        "x: float[batch, 3, seq, 8]
        angles: float[seq, 4]
        exact_c = Cos(angles)
        exact_s = Sin(angles)
        narrow_c = Cast(exact_c) to=16
        narrow_s = Cast(exact_s) to=16
        c = Cast(narrow_c) to=1
        s = Cast(narrow_s) to=1",
    );
    assert!(rotations(&model) == 0 || count(&model, "", "Cast") == 4);
}

#[test]
fn positions_rounded_to_bfloat16_make_no_table() {
    let model = fused(&format!(
        "x: float[batch, 3, seq, 8]
        positions: int64[seq, 1]
        narrow = Cast(positions) to=16
        p = Cast(narrow) to=1
        angles = Mul(p, frequencies)
        {TABLES}"
    ));
    assert_eq!(rotations(&model), 1);
    assert_eq!(count(&model, "ai.phasor", "RotaryTable"), 0);
}
