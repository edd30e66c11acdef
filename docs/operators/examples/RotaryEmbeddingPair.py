import os

import numpy as np
import onnx
import onnxruntime as ort

# Eight heads of queries and two of keys, of which the first 32 of 64 channels turn, neighbours by the same angle.
model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    rotate (float[batch, 8, sequence, 64] Q, float[batch, 2, sequence, 64] K, float[sequence, 16] cos, float[sequence, 16] sin)
        => (float[batch, 8, sequence, 64] YQ, float[batch, 2, sequence, 64] YK)
    {
        YQ, YK = ai.phasor.RotaryEmbeddingPair <interleaved: int = 1, rotary_dim: int = 32> (Q, K, cos, sin)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

random = np.random.default_rng(0)
q, k = (random.standard_normal((1, heads, 10, 64), np.float32) for heads in (8, 2))
angles = np.outer(np.arange(10), 10000.0 ** (-np.arange(16) / 16))
cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
results = session.run(None, {"Q": q, "K": k, "cos": cos, "sin": sin})

for x, y in zip((q, k), results):
    turned = (x[..., 0:32:2] + 1j * x[..., 1:32:2]) * np.exp(1j * angles)
    assert np.allclose(y[..., 0:32:2], turned.real, atol=1e-5) and np.allclose(y[..., 1:32:2], turned.imag, atol=1e-5)
    assert np.array_equal(y[..., 32:], x[..., 32:])
