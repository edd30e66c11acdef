//! Relative position encodings: biases and scores by the distance between query and key.

mod page;
mod site;
#[cfg(test)]
pub(crate) mod testing;

pub(super) use page::{ALIBI_PAGE, BIAS_PAGE, GATHER_PAGE};
pub use site::{Alibi, BiasAxis, Lut, Positions, RelativeBias, RelativeGather};
