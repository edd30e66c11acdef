//! Shifts of scores by padding, reshaping and slicing, as in Transformer-XL: every spelling of one that is right fuses, and what is
//! fused of the others computes the same.

use phasor::onnx::DataType;
use proptest::prelude::*;
use proptest::sample::select;

use super::build::Built;
use super::feeds::{BATCH, Input, QUERIES, Role};
use crate::graph::{Graph, Name, Size, int};

/// The heads.
const HEADS: i64 = 2;
/// The number of queries where it is no symbol.
const FIXED: i64 = 3;

/// One way to write a shift.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    /// Whether there are twice as many columns as queries, and no padding; otherwise one less.
    even: bool,
    /// Whether `Pad` puts the padding in front, or `Concat`.
    by_pad: bool,
    /// How the sizes of the reshapes are written.
    sizes: Sizes,
    /// Whether a `Gather` of the first columns ends it, or a `Slice`.
    by_gather: bool,
    symbolic: bool,
    broken: Option<Broken>,
}

/// How the sizes of a reshape are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    /// All are computed.
    Computed,
    /// The one that all others say is -1.
    Inferred,
    /// The second are those of the scores.
    AsBefore,
}

/// What is wrong with a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The padding is behind.
    Behind,
    /// The first row stays.
    Whole,
    /// Two rows are dropped.
    Two,
}

/// Shifts with one of these mistakes.
pub(crate) fn any(broken: Vec<Option<Broken>>) -> impl Strategy<Value = Shift> {
    let flag = || proptest::bool::ANY;
    let sizes = select(vec![Sizes::Computed, Sizes::Inferred, Sizes::AsBefore]);
    let parts = (flag(), flag(), sizes, flag(), flag(), select(broken));
    parts.prop_map(|(even, by_pad, sizes, by_gather, symbolic, broken)| Shift {
        even,
        by_pad,
        sizes,
        by_gather,
        symbolic,
        broken,
    })
}

/// Builds the model.
pub(crate) fn build(shift: &Shift) -> Built {
    let mut g = Graph::default();
    let symbol = |size: i64, name| -> Size { (size, shift.symbolic.then_some(name)) };
    let sizes = vec![
        symbol(2, BATCH),
        (HEADS, None),
        symbol(FIXED, QUERIES),
        (1, None),
    ];
    let x = g.input("x", DataType::F32, &sizes);
    let inputs = vec![Input {
        name: x.clone(),
        dtype: DataType::F32,
        sizes,
        role: Role::Numbers,
    }];
    let output = shifted(&mut g, shift, &x);
    Built {
        model: g.finish(&output),
        inputs,
        output,
    }
}

fn shifted(g: &mut Graph, shift: &Shift, x: &str) -> Name {
    let one = g.ints(&[1]);
    let shape = g.op("Shape", &[x], &[]);
    let lead = g.slice(&shape, 0, 0, 2, 1);
    let queries = g.size(x, 2);
    let twice = g.op("Add", &[&queries, &queries], &[]);
    let width = match shift.even {
        true => twice.clone(),
        false => g.op("Sub", &[&twice, &one], &[]),
    };

    // Scores that are all different.
    let [zero, step] = [0.0, 1.0].map(|n| g.floats(DataType::I64, &[], &[n]));
    let count = g.squeeze(&width, 0);
    let numbers = g.op("Range", &[&zero, &count, &step], &[]);
    let numbers = g.cast(&numbers, DataType::F32);
    let waves = g.op("Sin", &[&numbers], &[]);
    let scores = g.op("Mul", &[x, &waves], &[]);

    let is_behind = shift.broken == Some(Broken::Behind);
    let padded = if shift.even {
        scores.clone()
    } else if shift.by_pad {
        let mut pads = [0; 8];
        pads[if is_behind { 7 } else { 3 }] = 1;
        let pads = g.ints(&pads);
        g.op("Pad", &[&scores, &pads], &[])
    } else {
        let column = g.concat(&[&lead, &queries, &one], 0);
        let column = g.op("ConstantOfShape", &[&column], &[]);
        match is_behind {
            true => g.concat(&[&scores, &column], 3),
            false => g.concat(&[&column, &scores], 3),
        }
    };
    let inferred = g.ints(&[-1]);
    let rows = if shift.sizes == Sizes::Inferred {
        &inferred
    } else {
        &twice
    };
    let tall = g.concat(&[&lead, rows, &queries], 0);
    let turned = g.op("Reshape", &[&padded, &tall], &[]);
    let dropped = match shift.broken {
        Some(Broken::Whole) => 0,
        Some(Broken::Two) => 2,
        _ => 1,
    };
    let dropped = g.slice(&turned, 2, dropped, i64::MAX, 1);
    let wide = match shift.sizes {
        // Of an even number of columns one is lost.
        Sizes::AsBefore if !shift.even => g.op("Shape", &[&scores], &[]),
        Sizes::Inferred => g.concat(&[&lead, &queries, &inferred], 0),
        _ => {
            let width = g.op("Sub", &[&twice, &one], &[]);
            g.concat(&[&lead, &queries, &width], 0)
        }
    };
    let back = g.op("Reshape", &[&dropped, &wide], &[]);
    if shift.by_gather {
        let count = g.squeeze(&queries, 0);
        let first = g.op("Range", &[&zero, &count, &step], &[]);
        return g.op("Gather", &[&back, &first], &[int("axis", 3)]);
    }
    let (start, axis) = (g.ints(&[0]), g.ints(&[3]));
    g.op("Slice", &[&back, &start, &queries, &axis], &[])
}
