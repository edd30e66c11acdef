import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    angles (int64[batch, sequence] positions, double[pairs] frequencies)
        => (float[batch, sequence, pairs] cos, float[batch, sequence, pairs] sin)
    {
        single = Constant <value_float = 0.0> ()
        cos, sin = ai.phasor.RotaryTable <precise: int = 1> (positions, frequencies, single)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

positions = np.array([[0, 1, 2], [1_000_000, 1_000_001, 1_000_002]])
frequencies = 10000.0 ** (-np.arange(32) / 32)
cos, sin = session.run(None, {"positions": positions, "frequencies": frequencies})

# Numbers of float: the tables are in float, and so is the arithmetic.
angles = positions[..., None] * frequencies.astype(np.float32).astype(np.float64)
assert np.allclose(cos, np.cos(angles), rtol=0, atol=1e-7) and np.allclose(sin, np.sin(angles), rtol=0, atol=1e-7)
