//! What the operators on relative positions share: how far two positions are apart, the lookup table by that distance, and
//! stretches of consecutive positions.
//!
//! # Positions
//! `query_positions` and `key_positions` are integers, of any values and in any order. The distance of a key from a query is
//! `key - query`; where `i64` does not hold it, the nearest number that it holds.
//!
//! # Lookup table
//! `lut` has an odd number `2D + 1` of entries, one for each distance from `-D` to `D`; a distance beyond takes the entry at that
//! end. Entries are rows of another input: at least 0, and below the number of its rows. Positions, and entries, of type int32 mean
//! the same as of int64.

pub(crate) mod body;
mod geometry;
mod lut;
mod runs;

pub use geometry::{BiasGeometry, bias_shape};
pub use lut::{LutRange, lut_reach};
pub use runs::{consecutive, next_run};

use super::{TensorType, ValueSpec};

/// Name of the input with the positions of queries.
pub const QUERY_POSITIONS: &str = "query_positions";

/// Name of the input with the positions of keys.
pub const KEY_POSITIONS: &str = "key_positions";

/// Name of the input with the lookup table.
pub const LUT: &str = "lut";

/// The positions of queries of a bias.
pub(in crate::contract) const QUERIES: ValueSpec = ValueSpec::new(
    QUERY_POSITIONS,
    "I",
    "`[Q]` or `[B, Q]`",
    "where the queries are; a batch of 1 serves all",
);

/// The positions of keys of a bias.
pub(in crate::contract) const KEYS: ValueSpec = ValueSpec::new(
    KEY_POSITIONS,
    "I",
    "`[K]` or `[B, K]`",
    "where the keys are; a batch of 1 serves all",
);

/// The lookup table of a bias.
pub(in crate::contract) const LUT_VALUE: ValueSpec = ValueSpec::new(
    LUT,
    "I",
    "`[2D + 1]`",
    "the row of each distance from `-D` to `D`",
);

/// The shape of a bias.
pub(in crate::contract) const BIAS_SHAPE: &str =
    "`[B, N, Q, K]`, where `B` is 1 if neither positions have batches";

/// A Rust type of positions and of entries of a lookup table.
pub trait Integer: Copy + Send + Sync + PartialEq + std::fmt::Debug + 'static {
    /// The type.
    const TYPE: TensorType;
    /// The value.
    fn to_i64(self) -> i64;
    /// The next one up; the lowest after the highest.
    fn next(self) -> Self;
}

macro_rules! integers {
    ($($t:ty: $type:ident),+) => {$(
        impl Integer for $t {
            const TYPE: TensorType = TensorType::$type;

            #[inline(always)]
            fn to_i64(self) -> i64 {
                self.into()
            }
            #[inline(always)]
            fn next(self) -> Self {
                self.wrapping_add(1)
            }
        }
    )+};
}

integers!(i64: I64, i32: I32);

/// `key - query`, or what `i64` holds nearest to it.
#[inline(always)]
pub fn distance(query: i64, key: i64) -> i64 {
    key.saturating_sub(query)
}

/// Which of the `2 * reach + 1` entries of a lookup table is for `distance`; `reach` is below 2^62.
#[inline(always)]
pub fn slot(distance: i64, reach: usize) -> usize {
    let reach = reach as i64;
    (distance.clamp(-reach, reach) + reach) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_any_positions_have_a_slot() {
        for (query, key, expected) in [
            (5, 5, 3),
            (5, 7, 5),
            (5, 2, 0),
            (5, 1, 0),
            (5, 9, 6),
            (i64::MIN, i64::MAX, 6),
            (i64::MAX, i64::MIN, 0),
            (i64::MIN, i64::MIN + 2, 5),
            (i64::MAX, i64::MAX - 1, 2),
            (0, i64::MIN, 0),
            (-1, i64::MAX, 6),
        ] {
            assert_eq!(slot(distance(query, key), 3), expected, "{query} {key}");
            assert_eq!(slot(distance(query, key), 0), 0);
        }
    }
}
