//! `RelativeGather`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, RelativeGatherAttributes};
pub use body::{RelativeGatherUse, function_body};
pub use geometry::RelativeGatherGeometry;
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};
