//! Relative position encodings: biases and scores by the distance between query and key.

mod site;

pub use site::{Alibi, BiasAxis, Lut, Positions, RelativeBias, RelativeGather};
