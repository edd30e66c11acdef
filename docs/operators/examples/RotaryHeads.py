import os

import numpy as np
import onnx
import onnxruntime as ort

# The two keys of a projection that holds eight queries, two keys and two values, one after the other.
model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    rotate (float[batch, sequence, 12, 64] X, float[sequence, 32] cos, float[sequence, 32] sin)
        => (float[batch, 2, sequence, 64] Y)
    {
        Y = ai.phasor.RotaryHeads <first_head: int = 8, end_head: int = 10> (X, cos, sin)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

x = np.random.default_rng(0).standard_normal((1, 10, 12, 64), np.float32)
angles = np.outer(np.arange(10), 10000.0 ** (-np.arange(32) / 32))
cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
(y,) = session.run(None, {"X": x, "cos": cos, "sin": sin})

keys = x[:, :, 8:10].transpose(0, 2, 1, 3)
first, second = keys[..., :32], keys[..., 32:]
expected = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
assert np.allclose(y, expected, atol=1e-6)
