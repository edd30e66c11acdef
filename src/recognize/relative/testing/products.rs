//! Graphs with a tensor `y` that is products of `x` with rows of a table, gathered by distance, and what it is.

use super::{counted, product};
use crate::onnx::DataType;
use crate::recognize::{Kind, Lut, Product, Rows};

/// Relative keys: for every query and key the row of their distance, times the vector of the query.
pub(crate) const KEYS: &str = r#"(
    float[B, 2, L, 4] x,
    float[9, 4] table
) => (y) <
    int64 none = {0},
    int64 one = {1},
    int64 axis = {2},
    int64 middle = {4},
    int64[1] first = {0},
    int64[1] second = {1}
> {
    shape = Shape (x)
    n = Gather (shape, axis)
    p = Range (none, n, one)
    i = Unsqueeze (p, second)
    j = Unsqueeze (p, first)
    d = Sub (i, j)
    index = Add (d, middle)
    rows = Gather (table, index)
    y = Einsum <equation = "bhld,lrd->bhlr"> (x, rows)
}"#;

/// The vector is that of the key.
pub(crate) const BY_KEY: &str = r#"y = Einsum <equation = "bhrd,lrd->bhlr"> (x, rows)"#;

/// Distances are clipped, to six of the nine rows.
pub(crate) const CLIPPED: &str = "
    int64 low = {-2}
    int64 high = {3}
    near = Clip (d, low, high)
    index = Add (near, middle)";

/// All columns, in order or not.
pub(crate) fn columns(reversed: bool) -> Lut {
    Lut::Columns {
        even: false,
        reversed,
    }
}

/// The scores of `x` with these rows of the table.
pub(crate) fn scores(rows: Rows, lut: Lut, by_key: bool) -> Kind {
    typed((rows, DataType::F32), lut, by_key)
}

/// The same of a table of another type.
pub(crate) fn typed((rows, table_dtype): (Rows, DataType), lut: Lut, by_key: bool) -> Kind {
    let of = Product {
        x: "x".to_owned(),
        order: Vec::new(),
        table: "table".to_owned(),
        table_dtype,
        terms: 4,
        rows,
    };
    product(of, lut, [counted("x", 2), counted("x", 2)], by_key)
}

/// [`KEYS`] with heads behind the queries.
pub(crate) const TURNED: &str = r#"
    float[B, L, 2, 4] x
    int64 axis = {1}
    y = Einsum <equation = "blhd,lrd->bhlr"> (x, rows)"#;

/// What [`TURNED`] makes of [`KEYS`], if these are the axes of `x`.
pub(crate) fn turned(order: &[usize]) -> Kind {
    let of = Product {
        x: "x".to_owned(),
        order: order.to_vec(),
        table: "table".to_owned(),
        table_dtype: DataType::F32,
        terms: 4,
        rows: Rows::Around { middle: 4 },
    };
    product(of, columns(true), [counted("x", 1), counted("x", 1)], false)
}

/// What [`KEYS`] is.
pub(crate) fn keys(by_key: bool) -> Kind {
    scores(Rows::Around { middle: 4 }, columns(true), by_key)
}

/// What [`CLIPPED`] makes of [`KEYS`].
pub(crate) fn clipped() -> Kind {
    let rows = Rows::Part { first: 2, count: 6 };
    scores(rows, Lut::Known(vec![5, 4, 3, 2, 1, 0, 0]), false)
}
