//! What the operators on relative positions share (`cpp/relative.cuh`): planes of queries and keys, cut into tiles.

mod params;
mod tiles;

#[cfg(test)]
pub(super) use params::LAYOUTS;
pub(super) use params::RelativeTiles;
pub(super) use tiles::{Cut, Planes};

/// Addresses of the inputs that determine distances and what is looked up for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    /// Of the lookup table; 0 where there is none.
    pub lut: u64,
    /// Of the positions of queries.
    pub query_positions: u64,
    /// Of the positions of keys.
    pub key_positions: u64,
}
