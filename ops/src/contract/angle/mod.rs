//! Angles: positions times frequencies, with their cosines and sines. What the operators that compute them share.
//!
//! The description of [`RotaryTable`](super::rotary_table::SPEC) states their numerics. The arithmetic type of frequencies is `f64`
//! for double and `f32` for everything else.

mod body;
mod exact;

pub(crate) use body::{AngleBody, Terms};
pub(crate) use exact::{Sum, rounded};

/// Largest error of a cosine or sine, in units in the last place.
pub const ULP_ERROR: f64 = 1.0;

/// The size of an angle up to which [`ULP_ERROR`] is kept.
pub const LARGEST_ANGLE: f64 = 2_147_483_648.0;
