import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    attention (float[batch, heads, queries, channels] Q, float[batch, key_heads, queries, channels] K,
               float[batch, key_heads, queries, values] V, float[batch, key_heads, past, channels] past_K,
               float[batch, key_heads, past, values] past_V)
        => (float[batch, heads, queries, values] Y, float[batch, key_heads, keys, channels] present_K,
            float[batch, key_heads, keys, values] present_V)
        <float[1] bias = {0}, bool[1] mask = {1}>
    {
        Y, present_K, present_V = ai.phasor.CachedAttention <scale: float = 0.25, causal: int = 1>
            (Q, K, V, bias, mask, past_K, past_V)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

# One token after another: each sees itself and those before it.
random = np.random.default_rng(1)
cache = {name: np.zeros((2, 2, 0, 16), np.float32) for name in ("past_K", "past_V")}
for token in range(5):
    q = random.standard_normal((2, 4, 1, 16)).astype(np.float32)
    k, v = (random.standard_normal((2, 2, 1, 16)).astype(np.float32) for _ in range(2))
    y, keys, values = session.run(None, {"Q": q, "K": k, "V": v, **cache})
    assert np.array_equal(keys, np.concatenate([cache["past_K"], k], axis=2))

    scores = 0.25 * q @ np.repeat(keys, 2, axis=1).swapaxes(2, 3)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True) @ np.repeat(values, 2, axis=1)
    assert np.abs(y - expected).max() < 1e-5
    cache = {"past_K": keys, "past_V": values}
