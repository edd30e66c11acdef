import os

import numpy as np
import onnx
import onnxruntime as ort

model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    shift (float[batch, heads, queries, distances] scores, int64[distances] lut, int64[queries] query_positions, int64[keys] key_positions)
        => (float[batch, heads, queries, keys] output)
    {
        output = ai.phasor.RelativeGather (scores, lut, query_positions, key_positions)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

# The shift of a Conformer: a column of scores for each distance from -4 to 4.
length = 5
scores = np.random.default_rng(1).standard_normal((2, 3, length, 2 * length - 1)).astype(np.float32)
lut, positions = np.arange(2 * length - 1), np.arange(length)
feeds = {"scores": scores, "lut": lut, "query_positions": positions, "key_positions": positions}
(output,) = session.run(None, feeds)

for query in positions:
    for key in positions:
        assert np.array_equal(output[:, :, query, key], scores[:, :, query, key - query + length - 1])
