import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    attention (float[batch, heads, queries, channels] Q, float[batch, key_heads, keys, channels] K,
               float[batch, key_heads, keys, values] V, bool[queries, keys] mask)
        => (float[batch, heads, queries, values] Y)
        <float[1] bias = {0}>
    {
        Y = ai.phasor.Attention <scale: float = 0.25, causal: int = 1> (Q, K, V, bias, mask)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

# Two of four heads share a head of keys and values; the last query is at the last key, and sees no key behind it.
random = np.random.default_rng(1)
queries, keys = 3, 7
q = random.standard_normal((2, 4, queries, 16)).astype(np.float32)
k, v = (random.standard_normal((2, 2, keys, 16)).astype(np.float32) for _ in range(2))
mask = np.tril(np.ones((queries, keys), bool), keys - queries)
(y,) = session.run(None, {"Q": q, "K": k, "V": v, "mask": mask})

scores = 0.25 * q @ np.repeat(k, 2, axis=1).swapaxes(2, 3)
weights = np.where(mask, np.exp(scores - scores.max(-1, keepdims=True)), 0)
expected = weights / weights.sum(-1, keepdims=True) @ np.repeat(v, 2, axis=1)
assert np.abs(y - expected).max() < 1e-5
