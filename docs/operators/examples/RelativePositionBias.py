import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    t5 (float[32, heads] table, int64[entries] lut, int64[queries] query_positions, int64[keys] key_positions)
        => (float[1, heads, queries, keys] bias)
    {
        bias = ai.phasor.RelativePositionBias (table, lut, query_positions, key_positions)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def buckets(distance):
    """T5's, in both directions: 32 buckets, logarithmic from 8 on, flat from 128 on."""
    size = np.abs(distance)
    far = 8 + (np.log(np.maximum(size, 1) / 8) / np.log(128 / 8) * 8).astype(np.int64)
    return 16 * (distance > 0) + np.where(size < 8, size, np.minimum(far, 15))


table = np.random.default_rng(0).standard_normal((32, 4), np.float32)
positions = np.arange(300)
feeds = {"table": table, "lut": buckets(np.arange(-128, 129)), "query_positions": positions, "key_positions": positions}
(bias,) = session.run(None, feeds)

distance = positions[None, :] - positions[:, None]
assert np.array_equal(bias[0], table[buckets(distance)].transpose(2, 0, 1))
