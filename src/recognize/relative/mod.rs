//! Relative position encodings: biases and scores by the distance between query and key.
//!
//! [`find`](mod@find) looks at every tensor at which data stops moving, and at every product of matrices, and asks what one element of it is. If
//! that is an element of one other tensor, and one of its indices is a function of the distance between two coordinates
//! ([`distance`]), [`bias`] and [`gather`] try to read it as their operator. If it is a sum of products with elements of such a
//! tensor, [`contraction`] does. [`lut`] turns the function into a lookup table, and [`positions`] finds the tensors that hold the
//! positions.

mod alibi;
mod bias;
mod contraction;
mod distance;
mod exact;
mod find;
mod fit;
mod gather;
mod linear;
mod lut;
mod page;
mod positions;
mod scores;
mod search;
mod site;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(all(test, feature = "tract"))]
mod tests;

pub(super) use find::find;
pub(super) use page::{ALIBI_PAGE, BIAS_PAGE, GATHER_PAGE};
pub use site::{
    Alibi, BiasAxis, Lut, Positions, Product, RelativeBias, RelativeGather, Rows, Scores, TableAxes,
};
