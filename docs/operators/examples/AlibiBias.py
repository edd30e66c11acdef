import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    alibi (float[heads] slopes, int64[queries] query_positions, int64[batch, keys] key_positions)
        => (float[batch, heads, queries, keys] bias)
    {
        bias = ai.phasor.AlibiBias (slopes, query_positions, key_positions)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

# BLOOM: linear in the position of the key alone, which is counted behind the padding of each sequence.
slopes = (2.0 ** -np.arange(1, 9)).astype(np.float32)
mask = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
keys = (mask.cumsum(-1) - 1) * mask
feeds = {"slopes": slopes, "query_positions": np.array([0]), "key_positions": keys}
(bias,) = session.run(None, feeds)

assert np.array_equal(bias, slopes[None, :, None, None] * keys[:, None, None, :])
