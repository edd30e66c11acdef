//! `RotaryTable`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

#[cfg(feature = "abi")]
pub(crate) use attributes::AXIS;
pub use attributes::{ATTRIBUTES, RotaryTableAttributes};
pub use body::{Frequencies, RotaryTableUse, function_body};
pub use geometry::{RotaryTableGeometry, resolve_axis};
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};
