//! `Attention`, which [`SPEC`] describes.

mod attributes;
pub(in crate::contract) mod body;
pub(in crate::contract) mod geometry;
pub(in crate::contract) mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, AttentionAttributes};
pub use body::{AttentionUse, function_body};
pub use geometry::{AttentionGeometry, Planes};
pub use handle::CONTRACT;
pub use reference::reference;
pub(in crate::contract) use spec::OUTPUT;
pub use spec::{HIDDEN, INPUTS, NAME, OUTPUTS, SPEC, UNIT_ERROR};
