"""Models with `RelativePositionBias` and `AlibiBias`, and what they should compute."""

import numpy as np
from common import DOMAIN
from onnx import TensorProto, helper
from rotary import TYPES, round_to

RELATIVE = "RelativePositionBias"
ALIBI = "AlibiBias"
INPUTS = {
    RELATIVE: ["table", "lut", "query_positions", "key_positions"],
    ALIBI: ["slopes", "query_positions", "key_positions"],
}
INTEGERS = {"int64": (TensorProto.INT64, np.int64), "int32": (TensorProto.INT32, np.int32)}


def single(name, dtype="float", integers="int64", opset=17, functions=(), shapes=None, constants=None, **attributes):
    """A model of one node; `shapes` are those of inputs, by name, and `constants` inputs with their values. bfloat16, which numpy
    does not have, comes and goes as float."""
    constants = constants or {}
    first = INPUTS[name][0]
    outside = TYPES["float" if dtype == "bfloat16" else dtype]
    inputs, initializers = [], []
    for key in INPUTS[name]:
        element = outside if key == first else INTEGERS[integers][0]
        if key in constants:
            tensor = constants[key]
            initializers.append(helper.make_tensor(key, element, tensor.shape, tensor.tobytes(), raw=True))
        else:
            inputs.append(helper.make_tensor_value_info(key, element, (shapes or {}).get(key)))
    names = list(INPUTS[name])
    nodes, result = [], "bias"
    if dtype == "bfloat16":
        nodes.append(helper.make_node("Cast", [first], ["lower"], to=TensorProto.BFLOAT16))
        names[0], result = "lower", "lower_bias"
    nodes.append(helper.make_node(name, names, [result], domain=DOMAIN, name="bias_0", **attributes))
    if dtype == "bfloat16":
        nodes.append(helper.make_node("Cast", [result], ["bias"], to=TensorProto.FLOAT))
    outputs = [helper.make_tensor_value_info("bias", outside, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def relative(query, key, dtype="float", integers="int64", heads=3, rows=9, reach=6, seed=0):
    """Inputs of a `RelativePositionBias` of these positions."""
    random = np.random.default_rng(seed)
    kind = INTEGERS[integers][1]
    table = round_to(random.standard_normal((rows, heads)), dtype)
    lut = random.integers(0, rows, 2 * reach + 1).astype(kind)
    return {"table": table, "lut": lut, "query_positions": query.astype(kind), "key_positions": key.astype(kind)}


def alibi(query, key, dtype="float", integers="int64", heads=3, seed=0):
    """Inputs of an `AlibiBias` of these positions."""
    kind = INTEGERS[integers][1]
    slopes = round_to(np.random.default_rng(seed).standard_normal(heads), dtype)
    return {"slopes": slopes, "query_positions": query.astype(kind), "key_positions": key.astype(kind)}


def distances(query, key):
    """Distances `[B, Q, K]`, in integers of any size, cut to what int64 holds."""
    query, key = (np.atleast_2d(p).astype(object) for p in (query, key))
    limits = np.iinfo(np.int64)
    return np.clip(key[:, None, :] - query[:, :, None], limits.min, limits.max)


def expected(feeds, dtype="float", absolute=0):
    """The operator that takes these inputs, in numpy: the tensor to the bit."""
    d = distances(feeds["query_positions"], feeds["key_positions"])
    if "table" in feeds:
        reach = len(feeds["lut"]) // 2
        slots = (np.clip(d, -reach, reach) + reach).astype(np.int64)
        return np.moveaxis(feeds["table"][feeds["lut"][slots]], -1, 1)
    arithmetic = np.float64 if dtype == "double" else np.float32
    d = d.astype(np.int64).astype(arithmetic)
    d = np.abs(d) if absolute else d
    slopes = feeds["slopes"].astype(arithmetic)
    with np.errstate(over="ignore"):
        return round_to(slopes[None, :, None, None] * d[:, None], dtype)


def run(session, feeds):
    """The output; feeds that the session does not want are left out."""
    names = {i.name for i in session.get_inputs()}
    return session.run(None, {k: v for k, v in feeds.items() if k in names})[0]


def assert_same(got, wanted):
    """Types, shapes and bits; all NaN are one."""
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(got) & ~np.isnan(got), np.signbit(wanted) & ~np.isnan(wanted))
