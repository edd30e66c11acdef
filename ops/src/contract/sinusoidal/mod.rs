//! `SinusoidalEmbedding`, which [`SPEC`] describes.

mod attributes;
mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

#[cfg(feature = "abi")]
pub(crate) use attributes::WIDTH;
pub use attributes::{ATTRIBUTES, SinusoidalAttributes};
pub use body::{SinusoidalUse, function_body};
pub use geometry::SinusoidalGeometry;
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};
