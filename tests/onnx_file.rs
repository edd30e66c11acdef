//! The file layer of ONNX models: what is read, what an edit writes, and that nothing else changes.

#[path = "onnx_file/build.rs"]
mod build;
#[path = "onnx_file/functions.rs"]
mod functions;
#[path = "onnx_file/hostile.rs"]
mod hostile;
#[path = "onnx_file/index.rs"]
mod index;
#[path = "onnx_file/lossless.rs"]
mod lossless;
#[path = "onnx_file/remnants.rs"]
mod remnants;
#[path = "onnx_file/stage.rs"]
mod stage;
#[path = "onnx_file/tensors.rs"]
mod tensors;
#[path = "onnx_file/validate.rs"]
mod validate;
