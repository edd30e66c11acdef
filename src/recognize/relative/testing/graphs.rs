//! Graphs with a tensor `y` that is a relative site, and what it is.

use super::{alibi, bias, counted, gather, held};
use crate::onnx::DataType;
use crate::recognize::{Alibi, BiasAxis, Kind, Lut, Positions};
use BiasAxis::{Batch, Head, Key, Query, Unit};

/// Clipped distances of positions from outside.
pub(crate) const CLIPPED: &str = "(
    float[5, 3] table,
    int64[Q] q,
    int64[K] k
) => (y) <int64[1] one = {1}, int64[1] zero = {0}, int64 low = {-2}, int64 high = {2}> {
    row = Unsqueeze (q, one)
    column = Unsqueeze (k, zero)
    d = Sub (column, row)
    near = Clip (d, low, high)
    index = Add (near, high)
    picked = Gather (table, index)
    moved = Transpose <perm = [2, 0, 1]> (picked)
    y = Unsqueeze (moved, zero)
}";

/// [`CLIPPED`] with this lookup table.
pub(crate) fn clipped(lut: &[i64]) -> Kind {
    let axes = [
        held("q", DataType::I64, &[0], 1),
        held("k", DataType::I64, &[0], 1),
    ];
    let lut = Lut::Known(lut.to_vec());
    bias(("table", 3), lut, axes, &[Unit, Head, Query, Key])
}

/// Logarithmic buckets of counted positions: of six in either direction the first three are of one distance each, the last
/// begins at 10.
pub(crate) const BUCKETS: &str = "(
    float[12, 2] table,
    float[1, N, 4] x
) => (y) <
    int64 none = {0}, int64 one = {1}, int64[1] first = {0}, int64[1] second = {1}, int64 six = {6}, int64 three = {3},
    int64 last = {5}, float small = {3.0}, float base = {1.6739764}
> {
    shape = Shape (x)
    n = Gather (shape, one)
    p = Range (none, n, one)
    row = Unsqueeze (p, second)
    column = Unsqueeze (p, first)
    d = Sub (column, row)
    after = Greater (d, none)
    side = Cast <to = 7> (after)
    half = Mul (side, six)
    size = Abs (d)
    float_size = Cast <to = 1> (size)
    ratio = Div (float_size, small)
    log = Log (ratio)
    steps = Div (log, base)
    scaled = Mul (steps, small)
    whole = Cast <to = 7> (scaled)
    large = Add (whole, three)
    bounded = Min (large, last)
    is_small = Less (size, three)
    bucket = Where (is_small, size, bounded)
    index = Add (half, bucket)
    y = Gather (table, index)
}";

/// The bucket of each distance in [`BUCKETS`].
pub(crate) fn buckets() -> Vec<i64> {
    let bucket = |d: i64| {
        let size = d.abs();
        let large = 3 + ((size as f32 / 3.0).ln() / 1.673_976_4 * 3.0) as i64;
        let bucket = if size < 3 { size } else { large.min(5) };
        bucket + if d > 0 { 6 } else { 0 }
    };
    (-20..=20).map(bucket).collect()
}

/// [`BUCKETS`] with this lookup table.
pub(crate) fn bucketed(lut: Vec<i64>) -> Kind {
    let axes = [counted("x", 1), counted("x", 1)];
    bias(("table", 2), Lut::Known(lut), axes, &[Query, Key, Head])
}

/// Scores of content and position, by query.
pub(crate) const BY_QUERY: &str = "(
    float[2, 3, Q, 5] scores,
    int32[1, Q] q,
    float[K] k
) => (y) <int64[1] one = {1}, int64[1] zero = {0}, int64 low = {-2}, int64 high = {2}, int64[2] lead = {2, 3}> {
    wide = Cast <to = 7> (q)
    line = Squeeze (wide, zero)
    row = Unsqueeze (line, one)
    whole = Cast <to = 7> (k)
    column = Unsqueeze (whole, zero)
    d = Sub (column, row)
    near = Clip (d, low, high)
    index = Add (near, high)
    plane = Shape (index)
    shape = Concat <axis = 0> (lead, plane)
    all = Expand (index, shape)
    y = GatherElements <axis = -1> (scores, all)
}";

/// [`BY_QUERY`] with rows of queries or of keys.
pub(crate) fn by_query(by_key: bool) -> Kind {
    let axes = [
        held("q", DataType::I32, &[1], 2),
        held("k", DataType::F32, &[0], 1),
    ];
    gather("scores", Lut::Known(vec![0, 1, 2, 3, 4]), axes, by_key)
}

/// Scores of position and content: a row for each key, with the distance the other way round.
pub(crate) const BY_KEY: &str = "(
    float16[2, 3, K, 5] scores,
    int64[Q] q,
    int64[K] k
) => (y) <int64[1] one = {1}, int64[1] zero = {0}, int64 low = {-2}, int64 high = {2}, int64[2] lead = {2, 3}> {
    row = Unsqueeze (k, one)
    column = Unsqueeze (q, zero)
    d = Sub (row, column)
    back = Neg (d)
    near = Clip (back, low, high)
    index = Add (near, high)
    plane = Shape (index)
    shape = Concat <axis = 0> (lead, plane)
    all = Expand (index, shape)
    picked = GatherElements <axis = -1> (scores, all)
    y = Transpose <perm = [0, 1, 3, 2]> (picked)
}";

/// [`BY_KEY`] with this lookup table.
pub(crate) fn by_key(lut: &[i64]) -> Kind {
    let axes = [
        held("q", DataType::I64, &[0], 1),
        held("k", DataType::I64, &[0], 1),
    ];
    gather("scores", Lut::Known(lut.to_vec()), axes, true)
}

/// The relative shift of an odd number of columns, by padding and reshaping.
pub(crate) const SHIFT: &str = "(
    float[1, 2, T, T] x
) => (y) <
    int64[1] zero = {0}, int64[1] one = {1}, int64[1] rows = {2}, int64[1] columns = {3}, int64[1] far = {9223372036854775807},
    int64[3] lead = {1, 2, -1}
> {
    rest = Slice (x, one, far, columns)
    scores = Concat <axis = 3> (x, rest)
    padding = Slice (scores, zero, one, columns)
    padded = Concat <axis = 3> (padding, scores)
    sizes = Shape (x)
    t = Slice (sizes, rows, columns)
    tall = Concat <axis = 0> (lead, t)
    turned = Reshape (padded, tall)
    dropped = Slice (turned, one, far, rows)
    same = Shape (scores)
    back = Reshape (dropped, same)
    y = Slice (back, zero, t, columns)
}";

/// The relative shift of an even number of columns.
pub(crate) const EVEN_SHIFT: &str = "(
    float[1, 2, T, T] x
) => (y) <
    int64[1] zero = {0}, int64[1] one = {1}, int64[1] rows = {2}, int64[1] columns = {3}, int64[1] far = {9223372036854775807},
    int64[3] lead = {1, 2, -1}, int64[2] begin = {1, 2}, int64[1] rest = {-1}
> {
    scores = Concat <axis = 3> (x, x)
    sizes = Shape (x)
    t = Slice (sizes, rows, columns)
    tall = Concat <axis = 0> (lead, t)
    turned = Reshape (scores, tall)
    dropped = Slice (turned, one, far, rows)
    narrow = Concat <axis = 0> (begin, t, rest)
    back = Reshape (dropped, narrow)
    y = Slice (back, zero, t, columns)
}";

/// [`SHIFT`] or [`EVEN_SHIFT`].
pub(crate) fn shifted(even: bool) -> Kind {
    let axes = [counted("scores", 2), counted("scores", 2)];
    gather(
        "scores",
        Lut::Columns {
            even,
            reversed: false,
        },
        axes,
        false,
    )
}

/// Slopes times the distance without its sign.
pub(crate) const SLOPES: &str = "(
    float[3, 1, 1] slopes,
    int64[Q] q,
    int64[K] k
) => (y) <int64[1] one = {1}, int64[1] zero = {0}> {
    row = Unsqueeze (q, one)
    column = Unsqueeze (k, zero)
    d = Sub (column, row)
    size = Abs (d)
    back = Neg (size)
    distance = Cast <to = 1> (back)
    y = Mul (slopes, distance)
}";

/// [`SLOPES`] with the sign of the slopes, and that of distances or not.
pub(crate) fn sloped(negated: bool, absolute: bool) -> Kind {
    let axes = [
        held("q", DataType::I64, &[0], 1),
        held("k", DataType::I64, &[0], 1),
    ];
    alibi(
        ("slopes", 3, 3),
        [negated, absolute],
        axes,
        &[Head, Query, Key],
    )
}

/// Slopes times positions of keys alone, which are counted along a mask.
pub(crate) const MASKED: &str = "(
    float[3, 1] slopes,
    int64[B, K] mask
) => (y) <int64 along = {1}, int64 one = {1}, int64[1] middle = {1}> {
    counted = CumSum (mask, along)
    before = Sub (counted, one)
    kept = Mul (before, mask)
    column = Unsqueeze (kept, middle)
    p = Cast <to = 1> (column)
    y = Mul (slopes, p)
}";

/// [`MASKED`] as the bias of one query at this position.
pub(crate) fn masked(query: i64) -> Kind {
    let axes = [
        Positions::Known(vec![query]),
        held("p", DataType::F32, &[0, 2], 3),
    ];
    alibi(("slopes", 2, 3), [false, false], axes, &[Batch, Head, Key])
}

/// A constant of distances that is cut to the number of queries and keys, and its slopes.
pub(crate) const CUT: &str = "(
    float[1, 2, S, S] scores
) => (added, slopes) <
    float[2, 4, 4] table = {
        0, 1, 2, 3, 1, 0, 1, 2, 2, 1, 0, 1, 3, 2, 1, 0,
        0, 0.5, 1, 1.5, 0.5, 0, 0.5, 1, 1, 0.5, 0, 0.5, 1.5, 1, 0.5, 0
    },
    int64[1] front = {0},
    int64[1] last = {3},
    int64[1] all = {4},
    int64[2] axes = {1, 2},
    int64[2] unit = {0, 1},
    int64[2] after = {1, 2},
    int64[2] far = {9223372036854775807, 9223372036854775807}
> {
    shape = Shape (scores)
    length = Slice (shape, last, all, front)
    start = Neg (length)
    starts = Concat <axis = 0> (start, start)
    slopes = Slice (table, unit, after, axes)
    y = Slice (table, starts, far, axes)
    added = Add (scores, y)
}";

/// [`CUT`], which fails where the constant is too short, or is not known to.
pub(crate) fn cut(met: bool) -> Kind {
    let axes = [counted("scores", 2), counted("scores", 3)];
    let kind = alibi(("slopes", 3, 2), [false, true], axes, &[Head, Query, Key]);
    match kind {
        Kind::Alibi(alibi) => Kind::Alibi(Alibi { met, ..alibi }),
        other => other,
    }
}
