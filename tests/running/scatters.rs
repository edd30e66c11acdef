//! Rotations that a graph writes into place, channel by channel or half by half.

use crate::build::{f32s, i64s};
use crate::spellings::{constants, one, sites};

#[test]
fn a_scatter_over_a_written_out_grid_is_followed() {
    // TorchScript writes an assignment to every second channel as a grid of all indices.
    let grid = |k: usize, first: &str| {
        format!(
            "columns{k} = Unsqueeze({first}, n0)
            filled{k} = Expand(columns{k}, grid)
            last{k} = Unsqueeze(filled{k}, minus1)
            at{k} = Concat(i0, i1, last{k}) axis=-1"
        )
    };
    let text = format!(
        "x: float[batch, seq, 8]
        pos: float[seq, 1]
        angle = Mul(pos, freq)
        c = Cos(angle)
        s = Sin(angle)
        even = Slice(x, n0, end, n2, n2)
        odd = Slice(x, n1, end, n2, n2)
        dims = Shape(x)
        b = Gather(dims, zero)
        q = Gather(dims, one)
        batches = Range(zero, b, one)
        steps = Range(zero, q, one)
        bv = Unsqueeze(b, n0)
        qv = Unsqueeze(q, n0)
        grid = Concat(bv, qv, n4) axis=0
        column0 = Unsqueeze(batches, both_last)
        column1 = Unsqueeze(steps, minus1)
        grid0 = Expand(column0, grid)
        grid1 = Expand(column1, grid)
        i0 = Unsqueeze(grid0, minus1)
        i1 = Unsqueeze(grid1, minus1)
        {}
        {}
        ec = Mul(even, c)
        os = Mul(odd, s)
        oc = Mul(odd, c)
        es = Mul(even, s)
        new_even = Sub(ec, os)
        new_odd = Add(oc, es)
        blank = ConstantOfShape(dims)
        halfway = ScatterND(blank, at0, new_even)
        y = ScatterND(halfway, at1, new_odd)",
        grid(0, "evens"),
        grid(1, "odds")
    );
    let mut constants = constants();
    constants.extend([
        ("zero", i64s(&[], &[0])),
        ("one", i64s(&[], &[1])),
        ("both_last", i64s(&[2], &[1, 2])),
        ("evens", i64s(&[4], &[0, 2, 4, 6])),
        ("odds", i64s(&[4], &[1, 3, 5, 7])),
    ]);
    assert_eq!(one(&text, &constants), "interleaved 0..8 rotation");
}

#[test]
fn halves_are_scattered_into_zeros() {
    let text = |order: [&str; 2]| {
        format!(
            "x: float[batch, 2, 3, seq, 8]
            pos: float[seq, 1]
            angle = Mul(pos, freq)
            c = Cos(angle)
            s = Sin(angle)
            a = Slice(x, n0, n4, minus1)
            b = Slice(x, n4, end, minus1)
            ac = Mul(a, c)
            bs = Mul(b, s)
            bc = Mul(b, c)
            as = Mul(a, s)
            first = Sub(ac, bs)
            second = Add(bc, as)
            size = Shape(x)
            zeros = Expand(zero, size)
            part = Shape(first)
            low = Expand({}, part)
            high = Expand({}, part)
            begun = ScatterElements(zeros, low, first) axis=-1
            y = ScatterElements(begun, high, second) axis=-1",
            order[0], order[1]
        )
    };
    let mut all = constants();
    all.push(("zero", f32s(&[], &[0.0])));
    all.push(("front", i64s(&[4], &[0, 1, 2, 3])));
    all.push(("rear", i64s(&[4], &[-4, -3, -2, -1])));
    all.push(("reversed", i64s(&[4], &[7, 6, 5, 4])));
    assert_eq!(one(&text(["front", "rear"]), &all), "half 0..8 rotation");
    assert!(sites(&text(["front", "reversed"]), &all).is_empty());
}
