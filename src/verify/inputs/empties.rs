//! Models that are not run on tensors without elements, because an engine does not survive it.
//!
//! ONNX Runtime (seen in 1.32.0) transposes the inputs and outputs of a `Scan` along another axis than the first without checking whether
//! they are empty: it divides by a size of 0, and the process ends with SIGFPE. No other operator is known to do so. Sizes that
//! become 0 inside the model alone are not foreseen.

use crate::onnx::ModelFile;
use crate::onnx::names;

/// Attributes of a `Scan` that name its axes.
const AXES: [&str; 2] = ["scan_input_axes", "scan_output_axes"];

/// Whether a node of any scope ends the engine's process on tensors without elements.
pub(super) fn are_fatal(file: &ModelFile) -> bool {
    let mut scans = names::nodes(file.model()).filter(|node| node.op_type() == "Scan");
    scans.any(|scan| {
        let mut axes = AXES.into_iter().filter_map(|name| scan.ints(name));
        axes.any(|axes| axes.iter().any(|axis| *axis != 0))
    })
}
