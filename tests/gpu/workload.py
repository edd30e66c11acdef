"""One small use of every operator, with inputs that differ: what the parts run that treat all operators alike."""
import sys

from .kit import ROOT
from .runtime import modules

# The largest difference as a part of the scale, by the type of the tensors.
TOLERANCE = {"float32": 1e-5, "float16": 2e-3}
# Frequencies and their angles are f32 at least.
HALF = ["RotaryEmbedding", "RotaryEmbeddingPair", "RelativePositionBias", "AlibiBias", "RelativeGather"]


def uses(job, length):
    """Name, type, model and three sets of inputs of each."""
    modules(job)
    import numpy as np

    sys.path.insert(0, str(ROOT / "tests" / "ort"))
    import samples
    from onnx import helper

    for name in samples.operators():
        for dtype in ["float32", "float16"] if name in HALF else ["float32"]:
            attributes, values, outputs = samples.SAMPLES[name](length)
            cast = {k: v.astype(dtype) if v.dtype == np.float32 else v for k, v in values.items()}
            node = helper.make_node(name, list(cast), outputs, domain=samples.DOMAIN, name="n", **attributes)
            model = samples.model([node], cast, outputs)
            for output in model.graph.output:
                output.CopyFrom(helper.make_tensor_value_info(output.name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None))
            yield name, dtype, model, [changed(cast, by) for by in range(3)]


def changed(values, by):
    """Other numbers of the same sizes: tensors and positions move, lookup tables and frequencies stay."""
    import numpy as np

    def other(name, value):
        if value.dtype.kind == "f" and name != "frequencies":
            return np.roll(value, by).copy()
        return value + by if "positions" in name else value

    return {name: other(name, value) for name, value in values.items()}
