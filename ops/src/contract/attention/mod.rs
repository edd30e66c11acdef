//! `Attention`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, AttentionAttributes};
pub use body::{AttentionUse, function_body};
pub use geometry::{AttentionGeometry, Planes};
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{HIDDEN, INPUTS, NAME, OUTPUTS, SPEC, UNIT_ERROR};
