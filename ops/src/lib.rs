//! Position-encoding operators for ONNX Runtime: one contract an operator, and the kernels that keep it.
