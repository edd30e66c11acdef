//! `RelativePositionBias`, which [`SPEC`] describes.

mod body;
mod geometry;
mod handle;
mod reference;
mod spec;

pub use body::function_body;
pub use geometry::{ROWS, table_sizes};
pub use handle::CONTRACT;
pub use reference::reference;
pub use spec::{INPUTS, NAME, OUTPUTS, SPEC};
