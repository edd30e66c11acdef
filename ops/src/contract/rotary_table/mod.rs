//! `RotaryTable`: cosines and sines of positions times frequencies.
//!
//! # Inputs
//! * `positions` of type int64, int32, float or double, of any shape.
//! * `frequencies` of type TT in {float, double}: `[F]`, or `[P, F]` for positions of several coordinates.
//!
//! # Outputs
//! `cos`, `sin` of type TT. With frequencies `[F]` they have the shape of `positions` with an axis of size `F` at the end. With
//! `[P, F]` the axis `axis` of `positions` has size `P` (temporal, height, width; or the axes of an image) and is taken away
//! before that.
//!
//! # Attributes
//! | name | type | default | meaning |
//! |---|---|---|---|
//! | `axis` | int | 0 | the axis of `positions` along which the coordinates lie; negative counts from the end. Not looked at with frequencies `[F]` |
//! | `amplitude` | float | 1.0 | factor of cos and sin (attention scaling) |
//! | `precise` | int | 0 | how angles are computed: 0 as exported graphs do, 1 exactly |
//!
//! # Meaning
//! ```text
//! angle[..., j] = sum over p of positions[..., p, ...] * frequencies[p, j]
//! cos = cos(angle) * amplitude
//! sin = sin(angle) * amplitude
//! ```
//!
//! # Numerics
//! `precise = 0`: a position is rounded to TT, each product is rounded to TT, and they are added up in TT in the order of `p`: the
//! angle is the exported graph's to the bit. In float it is off by 1e-4 at positions of some thousands and by 3e-2 at a million.
//!
//! `precise = 1`: products are exact and so is the reduction of the angle to a quarter turn, for positions that are exact in
//! double and angles up to [`LARGEST_ANGLE`].
//!
//! Of the angle so defined, cos and sin are within [`ULP_ERROR`] units in the last place of TT. They are rounded to TT, multiplied
//! by `amplitude`, and rounded again. Beyond [`LARGEST_ANGLE`] that holds as far as the platform's own `sin` and `cos` of a double
//! keep it. An angle that is infinite or NaN gives NaN.
//!
//! # Function body
//! Where all uses in a model agree in a trait, the body is written for it, else for every value of it. Exact angles are computed
//! in double: frequencies are split so that products with positions of up to 31 bits are exact, and the angle is reduced to half
//! a turn before any `Sin`; cosines are sines, because ONNX Runtime had no `Cos` of a double before 1.22. For frequencies in
//! double, products are rounded to double. Without `precise` and in float, cos and sin are the host's own. Where uses differ in
//! the shape of frequencies, the order of the sum is the host's.

mod attributes;
mod body;
mod geometry;
mod reference;

pub use attributes::{ATTRIBUTES, RotaryTableAttributes};
pub use body::{Frequencies, RotaryTableUse, function_body};
pub use geometry::{RotaryTableGeometry, resolve_axis};
pub use reference::reference;

/// Operator type.
pub const NAME: &str = "RotaryTable";

/// Names of the inputs.
pub const INPUTS: [&str; 2] = ["positions", "frequencies"];

/// Names of the outputs.
pub const OUTPUTS: [&str; 2] = ["cos", "sin"];

/// Largest error of a cosine or sine before it is multiplied by `amplitude`, in units in the last place.
pub const ULP_ERROR: f64 = 1.0;

/// The size of an angle up to which [`ULP_ERROR`] is kept.
pub const LARGEST_ANGLE: f64 = 2_147_483_648.0;
