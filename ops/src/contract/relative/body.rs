//! Positions and distances in function bodies.

use super::{KEY_POSITIONS, QUERY_POSITIONS};
use crate::contract::body::{BodyBuilder, INT64};

/// The entry of `lut` for every pair of `query` and `key`, which broadcast to each other.
pub(crate) fn entries(b: &mut BodyBuilder, lut: &str, query: &str, key: &str) -> String {
    let query = b.cast(query, INT64);
    let key = b.cast(key, INT64);
    let (_, reach) = size_and_reach(b, lut);
    let distance = clamped(b, &query, &key, &reach);
    let slot = b.op("Add", &[&distance, &reach]);
    b.gather_along(lut, &slot, 0)
}

/// The number of entries of `lut`, and how far they reach to either side, both of rank 1.
pub(crate) fn size_and_reach(b: &mut BodyBuilder, lut: &str) -> (String, String) {
    let two = b.scalar(2);
    let size = b.op("Shape", &[lut]);
    let reach = b.op("Div", &[&size, &two]);
    (size, reach)
}

/// `key - query` for every pair of these, which broadcast to each other and are int64, clamped to `reach` on either side. Exact for
/// all positions: a key is brought within reach of its query before the two are subtracted, so that nothing overflows.
pub(crate) fn clamped(b: &mut BodyBuilder, query: &str, key: &str, reach: &str) -> String {
    let [lowest, highest] = [i64::MIN, i64::MAX].map(|value| b.scalar(value));
    let low = b.op("Add", &[&lowest, reach]);
    let low = b.op("Max", &[query, &low]);
    let low = b.op("Sub", &[&low, reach]);
    let high = b.op("Sub", &[&highest, reach]);
    let high = b.op("Min", &[query, &high]);
    let high = b.op("Add", &[&high, reach]);

    let near = b.op("Max", &[key, &low]);
    let near = b.op("Min", &[&near, &high]);
    b.op("Sub", &[&near, query])
}

/// Positions in int64 that broadcast to a plane of queries and keys.
pub(crate) struct Plane {
    /// `[B, Q, 1]`
    pub(crate) queries: String,
    /// `[B, 1, K]`
    pub(crate) keys: String,
}

/// Both positions of a bias; one batch where they have none.
pub(crate) fn plane(b: &mut BodyBuilder) -> Plane {
    let [queries, keys] = [(QUERY_POSITIONS, -1), (KEY_POSITIONS, -2)].map(|(name, axis)| {
        let positions = b.cast(name, INT64);
        // Broadcasting to a shape of rank 2 gives a rank of 2 and keeps sizes.
        let ones = b.vector(&[1, 1]);
        let positions = b.op("Expand", &[&positions, &ones]);
        let axis = b.vector(&[axis]);
        b.op("Unsqueeze", &[&positions, &axis])
    });
    Plane { queries, keys }
}
