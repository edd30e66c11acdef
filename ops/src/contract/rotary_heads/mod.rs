//! `RotaryHeads`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, HeadRange, RotaryHeadsAttributes};
pub use body::{RotaryHeadsUse, function_body};
pub use geometry::RotaryHeadsGeometry;
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};

pub use super::rotary::UNIT_ERROR;
