//! `AlibiBias`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, AlibiAttributes};
pub use body::{AlibiUse, function_body};
pub use geometry::slope_count;
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};
