//! `RotaryEmbedding`: turns pairs of channels by angles given as cosines and sines.
//!
//! # Inputs
//! * `X` `[..., C]` of type T in {float, float16, bfloat16, double}.
//! * `cos`, `sin` of type TT in {T, float}. Their last axis is `r/2` (one angle a pair) or `r` (as exporters write it), the same
//!   for both. Their leading axes broadcast to those of `X` by numpy's rules, aligned at the right, each table by itself; a
//!   table is never larger than `X`. So `[B, N, S, D]`, `[B, S, N, D]`, sequence first, packed and per-head angles are all one
//!   definition.
//!
//! # Output
//! `Y`, of the type and shape of `X`.
//!
//! # Attributes
//! | name | default | meaning |
//! |---|---|---|
//! | `interleaved` | 0 | 0: channel `k` of the rotated range pairs with `k + r/2`; 1: channel `2k` pairs with `2k + 1` |
//! | `output_interleaved` | -1 | where the pair goes: -1 = where it came from, else as `interleaved` |
//! | `rotary_dim` | 0 | `r`, even; 0 = everything from the offset on, `C - rotary_offset` |
//! | `rotary_offset` | 0 | first rotated channel |
//! | `inverse` | 0 | 1: `sin` is negated |
//!
//! # Meaning
//! Let `a` and `b` be the first and second channel of pair `k`, at positions `pa` and `pb` of the rotated range. With one angle
//! a pair, `ca = cb = cos[k]` and `sa = sb = sin[k]`. With full width the entry of a channel is the one at that channel's
//! position in the *input's* layout: `ca = cos[pa]`, `cb = cos[pb]`, `sa = sin[pa]`, `sb = sin[pb]`. Then
//!
//! ```text
//! y_a = a * ca - b * sa
//! y_b = b * cb + a * sb
//! ```
//!
//! and `y_a`, `y_b` are put at the positions pair `k` has in the output's layout. Channels outside
//! `rotary_offset .. rotary_offset + r` are copied.
//!
//! # Numerics
//! Arithmetic is in `f32` (`f64` for double) with one rounding to T at the end; a product may be fused into the sum. Before that
//! rounding the error is at most [`UNIT_ERROR`] epsilons of the arithmetic times `|a * ca| + |b * sa|`, plus its smallest
//! subnormal: for T = float, 1 unit in the last place of that sum of products. Copied channels keep every bit. NaN and infinities
//! go through the products: where an angle has `sin = 0`, an infinite partner makes a NaN, as in the exported graphs.

mod attributes;
pub(in crate::contract) mod body;
mod geometry;
mod reference;

pub use attributes::{ATTRIBUTES, RotaryAttributes};
pub use body::{RotaryUse, function_body};
pub use geometry::{RotaryGeometry, TableForm};
pub use reference::reference;

/// Operator type.
pub const NAME: &str = "RotaryEmbedding";

/// Names of the inputs.
pub const INPUTS: [&str; 3] = ["X", "cos", "sin"];

/// Name of the output.
pub const OUTPUT: &str = "Y";

/// Rounding errors of the arithmetic, in units of its epsilon (twice the largest relative error of one rounding): two products
/// and their sum.
pub const UNIT_ERROR: f64 = 1.0;
