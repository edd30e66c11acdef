//! Models that are not run on tensors without elements, because an engine does not survive it.
//!
//! ONNX Runtime (seen in 1.32.0) transposes the inputs and outputs of a `Scan` along another axis than the first without checking whether
//! they are empty: it divides by a size of 0, and the process ends with SIGFPE. So does `MultiHeadAttention` before 1.31, of an empty batch,
//! and before that of an empty sequence where nothing is added to the scores. No other operator is known to do so. Sizes that become 0 inside
//! the model alone are not foreseen.

use crate::onnx::ModelFile;
use crate::onnx::names;

/// Attributes of a `Scan` that name its axes.
const AXES: [&str; 2] = ["scan_input_axes", "scan_output_axes"];

/// Which node of any scope ends the engine's process on tensors without elements; `None` for none.
pub(super) fn fatal(file: &ModelFile) -> Option<&'static str> {
    names::nodes(file.model()).find_map(|node| match (node.domain(), node.op_type()) {
        ("com.microsoft", "MultiHeadAttention") => Some("a `MultiHeadAttention`, before 1.31"),
        (_, "Scan") => {
            let mut axes = AXES.into_iter().filter_map(|name| node.ints(name));
            let other = axes.any(|axes| axes.iter().any(|axis| *axis != 0));
            other.then_some("a `Scan` along another axis than the first")
        }
        _ => None,
    })
}
