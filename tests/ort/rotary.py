"""Models with `RotaryEmbedding`, and what they should compute."""

import numpy as np
import onnx
from common import DOMAIN
from onnx import TensorProto, helper

NAME = "RotaryEmbedding"
DEFAULTS = {"interleaved": 0, "output_interleaved": -1, "rotary_dim": 0, "rotary_offset": 0, "inverse": 0}
TYPES = {
    "float": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "double": TensorProto.DOUBLE,
}
# Half a unit in the last place of results around 4, with some room for the order of sums.
TOLERANCE = {"float": 1e-6, "float16": 4e-3, "bfloat16": 3.2e-2, "double": 1e-14}
COMBINATIONS = [
    ("float", "float"),
    ("float16", "float16"),
    ("float16", "float"),
    ("bfloat16", "bfloat16"),
    ("bfloat16", "float"),
    ("double", "double"),
    ("double", "float"),
]


def round_to(values, dtype):
    """Values as the element type holds them."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
        return rounded.astype(np.uint32).view(np.float32)
    return np.asarray(values).astype({"float": np.float32, "float16": np.float16, "double": np.float64}[dtype])


def reference(x, cos, sin, **attributes):
    """The operator in numpy, in double."""
    a = {**DEFAULTS, **attributes}
    x, cos, sin = (np.asarray(v, np.float64) for v in (x, cos, sin))
    first = a["rotary_offset"]
    r = a["rotary_dim"] or x.shape[-1] - first
    k = np.arange(r // 2)
    near, far = (2 * k, 2 * k + 1), (k, k + r // 2)
    source = near if a["interleaved"] else far
    output = a["interleaved"] if a["output_interleaved"] < 0 else a["output_interleaved"]
    target = near if output else far
    entry = source if cos.shape[-1] == r else (k, k)
    if a["inverse"]:
        sin = -sin
    u, v = (x[..., first + p] for p in source)
    y = x.copy()
    y[..., first + target[0]] = u * cos[..., entry[0]] - v * sin[..., entry[0]]
    y[..., first + target[1]] = v * cos[..., entry[1]] + u * sin[..., entry[1]]
    return y


def inputs(x_shape, cos_shape, sin_shape=None, x_type="float", table_type="float", seed=0):
    """Random inputs, rounded to their types."""
    random = np.random.default_rng(seed)
    x = round_to(random.uniform(-2, 2, x_shape), x_type)
    cos = round_to(random.uniform(-1, 1, cos_shape), table_type)
    sin = round_to(random.uniform(-1, 1, sin_shape or cos_shape), table_type)
    return {"X": x, "cos": cos, "sin": sin}


def model(nodes, x_type="float", table_type="float", opset=17, functions=(), constants=None, rank=None):
    """A model of nodes given as (inputs, output, attributes), from X, cos, sin to Y.

    bfloat16 comes in and goes out as float. `constants` are the values of cos and sin, where these are not inputs.
    """
    made, rename, graph_inputs, initializers = [], {}, [], []
    for name, dtype in [("X", x_type), ("cos", table_type), ("sin", table_type)]:
        outer = "float" if dtype == "bfloat16" else dtype
        source = name if outer == dtype else f"{name}_outer"
        if constants and name in constants:
            initializers.append(onnx.numpy_helper.from_array(constants[name], source))
        else:
            shape = [f"{name}_{i}" for i in range(rank)] if rank and name == "X" else None
            graph_inputs.append(helper.make_tensor_value_info(source, TYPES[outer], shape))
            rename[name] = source
        if source != name:
            made.append(helper.make_node("Cast", [source], [name], to=TYPES[dtype]))
    for index, (node_inputs, output, attributes) in enumerate(nodes):
        made.append(helper.make_node(NAME, node_inputs, [output], domain=DOMAIN, name=f"rotary_{index}", **attributes))
    result = nodes[-1][1]
    if x_type == "bfloat16":
        made.append(helper.make_node("Cast", [result], ["Y_outer"], to=TensorProto.FLOAT))
        result = "Y_outer"
    output_type = "float" if x_type == "bfloat16" else x_type
    outputs = [helper.make_tensor_value_info(result, TYPES[output_type], None)]
    graph = helper.make_graph(made, "g", graph_inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def single(attributes=None, **options):
    """A model of one node."""
    return model([(["X", "cos", "sin"], "Y", attributes or {})], **options)


def run(session, feeds):
    """The first output; feeds the session does not want are left out."""
    names = {i.name for i in session.get_inputs()}
    given = {f"{k}_outer" if f"{k}_outer" in names else k: v for k, v in feeds.items()}
    return session.run(None, {k: v for k, v in given.items() if k in names})[0]


def assert_close(got, expected, dtype, times=1):
    """`got` is of the type and within its tolerance."""
    np.testing.assert_allclose(np.asarray(got, np.float64), expected, rtol=0, atol=TOLERANCE[dtype] * times)
