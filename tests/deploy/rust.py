"""Runs the Rust example in the working directory, which has `model.onnx` and `fused.onnx`, with the ONNX Runtime of the Python package."""
import os
import pathlib
import subprocess
import sys

import onnxruntime
import phasor

MANIFEST = pathlib.Path(__file__).resolve().parents[2] / "Cargo.toml"

if __name__ == "__main__":
    library = next((pathlib.Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    models = ["model.onnx", "fused.onnx", phasor.library_path()]
    command = ["cargo", "run", "--release", "--manifest-path", MANIFEST, "--example", "deploy", "--", *models]
    sys.exit(subprocess.run([str(part) for part in command], env={**os.environ, "ORT_DYLIB_PATH": str(library)}).returncode)
