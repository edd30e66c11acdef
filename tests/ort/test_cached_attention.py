"""`CachedAttention`: with the library loaded, and by its function body alone, against `Attention` in numpy."""

import attention
import numpy as np
import onnx
import pytest
from common import DOMAIN, OPSETS, function, use
from onnx import helper
from rotary import TYPES
from test_attention_function import is_old, requires

NAMES = ["Q", "K", "V", "bias", "mask", "past_K", "past_V"]
OUTPUTS = ["Y", "present_K", "present_V"]
# batch, heads, key heads, queries, keys, channels, values; and how many of the keys are cached
CASES = [
    ((2, 4, 2, 3, 7), 4),
    ((1, 8, 2, 1, 700, 64, 64), 699),
    ((1, 8, 2, 1, 5000, 64, 64), 4998),
    ((1, 3, 3, 2, 5), 0),
    ((1, 3, 3, 2, 5), 5),
    ((2, 4, 2, 130, 200, 24, 40), 70),
]
EMPTY = [((2, 4, 2, 3, 0), 0), ((2, 4, 2, 0, 5), 3), ((0, 4, 2, 3, 5), 3), ((2, 0, 2, 3, 5), 3), ((2, 4, 2, 3, 5, 4, 0), 2)]


def model(attributes, dtype="float", opset=17, functions=(), shapes=None):
    """A model of one node. bfloat16 comes in and goes out as float."""
    outer = "float" if dtype == "bfloat16" else dtype
    infos, nodes, names = [], [], []
    for name in NAMES:
        kind = onnx.TensorProto.BOOL if name == "mask" else TYPES[outer]
        infos.append(helper.make_tensor_value_info(name, kind, (shapes or {}).get(name)))
        inner = name
        if outer != dtype and name != "mask":
            inner = f"{name}_inner"
            nodes.append(helper.make_node("Cast", [name], [inner], to=TYPES[dtype]))
        names.append(inner)
    made = OUTPUTS if outer == dtype else [f"{name}_inner" for name in OUTPUTS]
    nodes.append(helper.make_node("CachedAttention", names, made, domain=DOMAIN, name="n", **attributes))
    if made is not OUTPUTS:
        nodes += [helper.make_node("Cast", [inner], [name], to=TYPES[outer]) for inner, name in zip(made, OUTPUTS)]
    outputs = [helper.make_tensor_value_info(name, TYPES[outer], None) for name in OUTPUTS]
    graph = helper.make_graph(nodes, "g", infos, outputs)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def cut(feeds, past):
    """The same inputs with so many of the keys cached."""
    parts = dict(feeds)
    for name in ("K", "V"):
        parts |= {name: feeds[name][:, :, past:], f"past_{name}": feeds[name][:, :, :past]}
    return {name: np.ascontiguousarray(value) for name, value in parts.items()}


def check(made, sizes, past, attributes, dtype="float", bias=None, mask=None):
    feeds = attention.inputs(*sizes, bias=bias, mask=mask, dtype=dtype)
    y, keys, values = made.run(OUTPUTS, cut(feeds, past))
    attention.assert_close(y, attention.reference(**feeds, dtype=dtype, **attributes), dtype)
    np.testing.assert_array_equal(keys, feeds["K"])
    np.testing.assert_array_equal(values, feeds["V"])


@pytest.mark.parametrize("dtype", attention.TOLERANCE)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_kernels(session, dtype, threads):
    attributes = {"scale": 0.3, "zero_nan_rows": 1}
    made = session(model(attributes, dtype), threads=threads)
    for sizes, past in CASES + EMPTY:
        check(made, sizes, past, attributes, dtype)
        check(made, sizes, past, attributes, dtype, bias=sizes[3:5], mask=(sizes[0], 1, 1, sizes[4]))


@pytest.mark.parametrize("dtype", ["float", "float16", "double"])
@pytest.mark.parametrize("opset", OPSETS)
def test_bodies(session, function_body, knows_opset, ort, dtype, opset):
    requires(knows_opset, opset)
    if dtype == "double" and is_old(ort):
        pytest.skip(f"ONNX Runtime {ort.__version__} has no kernel for what it makes of the body in double")
    attributes = {"scale": 0.3}
    alone = use(x=dtype, heads=4, key_heads=2, **attributes)
    functions = [function(function_body("CachedAttention", opset, alone), opset)]
    made = session(model(attributes, dtype, opset, functions), plugin=False)
    for sizes, past in CASES[:1] + CASES[-1:]:
        check(made, sizes, past, attributes, dtype, mask=sizes[3:5])


def test_shapes_are_inferred(session):
    shapes = {"Q": ["b", 4, "s", 8], "K": ["b", 2, 1, 8], "V": ["b", 2, "s", 6], "past_K": ["b", 2, 9, 8], "past_V": ["b", 2, "p", 6]}
    found = [output.shape for output in session(model({}, shapes=shapes)).get_outputs()]
    assert found[:2] == [["b", 4, "s", 6], ["b", 2, 10, 8]]


def test_what_does_not_fit_is_explained(session):
    feeds = cut(attention.inputs(2, 4, 2, 3, 7), 4)
    feeds["past_V"] = feeds["past_V"][:, :, 1:]
    with pytest.raises(Exception, match=r"axis 2 of V behind past_V \[2, 2, 6, 8\] is 6, expected 7, as in K behind past_K \[2, 2, 7, 8\]"):
        session(model({})).run(OUTPUTS, feeds)
