import os

import numpy as np
import onnx
import onnxruntime as ort

# The timesteps of a diffusion model, cosines first.
model = onnx.parser.parse_model("""
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    timesteps (float[batch] steps, double[half] frequencies) => (float[batch, channels] embedding)
    {
        embedding = ai.phasor.SinusoidalEmbedding <cos_first: int = 1> (steps, frequencies, steps)
    }
""")
options = ort.SessionOptions()
options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", "target/release/libphasor_ops.so"))
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

steps = np.array([981.0, 500.5, 1.0], np.float32)
frequencies = np.exp(-np.log(10000.0) * np.arange(160) / 160).astype(np.float32)
(embedding,) = session.run(None, {"steps": steps, "frequencies": frequencies.astype(np.float64)})

angles = (steps[:, None] * frequencies).astype(np.float64)
assert np.allclose(embedding, np.concatenate([np.cos(angles), np.sin(angles)], axis=-1), rtol=0, atol=1e-7)
