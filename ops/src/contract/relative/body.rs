//! Distances in function bodies.

use crate::contract::body::BodyBuilder;

/// ONNX's number for int64.
pub(crate) const INT64: i64 = 7;

/// The entry of `lut` for every pair of `query` and `key`, which broadcast to each other. Exact for all positions: a key is brought
/// within reach of its query before the two are subtracted, so that nothing overflows.
pub(crate) fn entries(b: &mut BodyBuilder, lut: &str, query: &str, key: &str) -> String {
    let query = b.cast(query, INT64);
    let key = b.cast(key, INT64);
    let [lowest, highest, two] = [i64::MIN, i64::MAX, 2].map(|value| b.scalar(value));
    let size = b.op("Shape", &[lut]);
    let reach = b.op("Div", &[&size, &two]);

    let low = b.op("Add", &[&lowest, &reach]);
    let low = b.op("Max", &[&query, &low]);
    let low = b.op("Sub", &[&low, &reach]);
    let high = b.op("Sub", &[&highest, &reach]);
    let high = b.op("Min", &[&query, &high]);
    let high = b.op("Add", &[&high, &reach]);

    let near = b.op("Max", &[&key, &low]);
    let near = b.op("Min", &[&near, &high]);
    let distance = b.op("Sub", &[&near, &query]);
    let slot = b.op("Add", &[&distance, &reach]);
    b.gather_along(lut, &slot, 0)
}
