"""Models with `Attention`, and what they should compute."""

import numpy as np
import onnx
from common import DOMAIN
from onnx import TensorProto, helper
from rotary import TYPES, round_to

NAME = "Attention"
NAMES = ["Q", "K", "V", "bias", "mask"]
DEFAULTS = {"scale": 1.0, "softcap": 0.0, "fill": -np.inf, "zero_nan_rows": 0}
# Some units in the last place of results around 1, of the arithmetic or of the type.
TOLERANCE = {"float": 3e-6, "float16": 2e-3, "bfloat16": 1.6e-2, "double": 1e-14}


def single(attributes, dtype="float", opset=17, functions=(), shapes=None, constants=None):
    """A model of one node for each of `attributes`, which share their inputs. bfloat16 comes in and goes out as float.

    `shapes` are those declared, `constants` the inputs that are none.
    """
    shapes, constants = shapes or {}, constants or {}
    outer = "float" if dtype == "bfloat16" else dtype
    inputs, nodes, names = [], [], []
    made = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    for name in NAMES:
        kind = TensorProto.BOOL if name == "mask" else TYPES[outer]
        if name not in constants:
            inputs.append(helper.make_tensor_value_info(name, kind, shapes.get(name)))
        if outer != dtype and name != "mask":
            nodes.append(helper.make_node("Cast", [name], [f"{name}_inner"], to=TYPES[dtype]))
            name = f"{name}_inner"
        names.append(name)
    outputs = []
    for k, given in enumerate(attributes):
        inner = f"Y{k}" if outer == dtype else f"Y{k}_inner"
        nodes.append(helper.make_node(NAME, names, [inner], domain=DOMAIN, name=f"attention_{k}", **given))
        if outer != dtype:
            nodes.append(helper.make_node("Cast", [inner], [f"Y{k}"], to=TYPES[outer]))
        outputs.append(helper.make_tensor_value_info(f"Y{k}", TYPES[outer], None))
    graph = helper.make_graph(nodes, "g", inputs, outputs, made)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def inputs(batch, heads, key_heads, queries, keys, channels=8, values=8, bias=None, mask=None, dtype="float", seed=0):
    """Random inputs; `bias` and `mask` are shapes, or `None` for none."""
    random = np.random.default_rng(seed)
    shapes = {
        "Q": (batch, heads, queries, channels),
        "K": (batch, key_heads, keys, channels),
        "V": (batch, key_heads, keys, values),
    }
    feeds = {name: round_to(random.standard_normal(shape), dtype) for name, shape in shapes.items()}
    feeds["bias"] = round_to(np.zeros(1) if bias is None else random.standard_normal(bias), dtype)
    feeds["mask"] = np.asarray([True] if mask is None else random.random(mask) < 0.7)
    return feeds


def reference(Q, K, V, bias, mask, dtype="float", **attributes):
    """The operator in numpy, in double."""
    # Attributes are floats.
    a = {name: np.float64(np.float32(value)) for name, value in {**DEFAULTS, **attributes}.items()}
    q, k, v, bias = (np.asarray(x, np.float64) for x in (Q, K, V, bias))
    group = q.shape[1] // max(k.shape[1], 1)
    k, v = (np.repeat(x, group, axis=1) for x in (k, v))
    with np.errstate(all="ignore"):
        a["fill"] = np.float64(round_to(a["fill"], dtype))
        scores = a["scale"] * (q @ np.swapaxes(k, 2, 3))
        if a["softcap"]:
            scores = a["softcap"] * np.tanh(scores / a["softcap"])
        scores = np.where(mask, scores + bias, a["fill"])
        if scores.shape[3] == 0:
            return np.zeros((*q.shape[:3], v.shape[3]))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        probabilities = weights / weights.sum(-1, keepdims=True)
        y = probabilities @ v
        return np.where(np.isnan(probabilities[..., :1]), 0, y) if a["zero_nan_rows"] else y


def run(session, feeds):
    """The outputs; feeds the session does not want are left out."""
    names = {i.name for i in session.get_inputs()}
    return session.run(None, {k: v for k, v in feeds.items() if k in names})


def assert_close(got, expected, dtype):
    """Within the tolerance of the type, relative to 1 and to the largest; NaN where NaN."""
    assert got.shape == expected.shape, (got.shape, expected.shape)
    got = np.asarray(got, np.float64)
    assert (np.isnan(got) == np.isnan(expected)).all()
    scale = max(1, np.abs(np.nan_to_num(expected)).max(initial=0))
    assert np.abs(np.nan_to_num(got) - np.nan_to_num(expected)).max(initial=0) <= TOLERANCE[dtype] * scale
