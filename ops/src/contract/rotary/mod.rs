//! `RotaryEmbedding`, which [`SPEC`] describes.

mod attributes;
pub(in crate::contract) mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use attributes::{ATTRIBUTES, RotaryAttributes};
pub use body::{RotaryUse, function_body};
pub use geometry::{RotaryGeometry, TableForm};
pub use handle::CONTRACT;
pub use reference::reference;
pub(in crate::contract) use spec::{COS, SIN};
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC, UNIT_ERROR};
