//! A rotary site while it is rewritten.

use crate::onnx::DataType;
use crate::recognize::{Rotary, Site};

/// A site while it is rewritten: `x` and the tables may become new values.
#[derive(Clone, Debug)]
pub(in crate::rewrite) struct RotarySite {
    /// Position of the node that gives `y`.
    pub node: usize,
    /// The rotated tensor.
    pub y: String,
    /// Element type of `x` and `y`.
    pub dtype: DataType,
    /// What is rotated by what.
    pub rotary: Rotary,
}

impl RotarySite {
    /// From the head of a site and its rotary part.
    pub(in crate::rewrite) fn new(site: &Site, rotary: &Rotary) -> RotarySite {
        RotarySite {
            node: site.node,
            y: site.y.clone(),
            dtype: site.dtype,
            rotary: rotary.clone(),
        }
    }
}
