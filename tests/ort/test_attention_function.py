"""The function body of `Attention`, without the library."""

import attention
import numpy as np
import pytest
from common import OPSETS, function, use

ALLOW_ZERO = 14
CAST_LIKE = 15
# batch, heads, key heads, queries, keys, channels, values
SIZES = [(2, 4, 2, 3, 7), (1, 3, 3, 1, 5), (2, 6, 1, 4, 4, 5, 3), (1, 1, 1, 1, 1, 1, 1)]
EMPTY = [
    (2, 4, 2, 3, 0),
    (2, 4, 2, 0, 5),
    (0, 4, 2, 3, 5),
    (2, 0, 2, 3, 5),
    (2, 0, 0, 3, 5),
    (2, 4, 2, 3, 5, 0, 4),
    (2, 4, 2, 3, 5, 4, 0),
    (1, 2, 2, 1, 0, 0, 3),
    (0, 0, 0, 0, 0, 0, 0),
]
# ONNX Runtime has no products in bfloat16 on a processor.
TYPES = [dtype for dtype in attention.TOLERANCE if dtype != "bfloat16"]
ATTRIBUTES = [
    {},
    {"scale": 0.35},
    {"softcap": 2.5, "fill": -1e4},
    {"zero_nan_rows": 1},
    {"scale": 0.5, "softcap": 1.5, "fill": float(np.finfo(np.float32).min), "zero_nan_rows": 1},
]


def is_old(ort):
    return int(ort.__version__.split(".")[1]) < 32


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


def traits(sizes, attributes, dtype="float", bias=None, mask=None):
    """A use as far as it is known."""
    known = {"x": dtype, "heads": sizes[1], "key_heads": sizes[2], **attributes}
    known |= {name: value for name, value in (("bias", 0), ("mask", 1)) if (bias, mask)[name == "mask"] is None}
    return use(**known)


def check(session, function_body, sizes, attributes, dtype="float", opset=17, bias=None, mask=None, hidden=None):
    """Runs one use by the bodies that serve it, from the one for it alone to the one for all."""
    feeds = attention.inputs(*sizes, bias=bias, mask=mask, dtype=dtype)
    if hidden is not None:
        feeds["mask"] = hidden
    alone = traits(sizes, attributes, dtype, bias, mask if hidden is None else 1)
    unsure = use(x=dtype, **attributes)
    other = use(x=dtype, heads=2, key_heads=2, softcap=3.0, zero_nan_rows=1)
    lists = [[alone], [unsure], [alone, other], [use(x="float16"), alone], [use(x="double"), alone]]
    expected = attention.reference(**feeds, dtype=dtype, **attributes)
    for uses in [*lists, []]:
        several = len({u.split(",")[0] for u in uses}) != 1
        if several and opset < CAST_LIKE:
            continue  # Said not to serve.
        body = function(function_body(attention.NAME, opset, *uses), opset)
        if opset < ALLOW_ZERO and 0 in sizes and any(n.op_type == "Reshape" for n in body.node):
            continue  # Said not to serve.
        made = session(attention.single([attributes], dtype, opset, [body]), plugin=False)
        (got,) = attention.run(made, feeds)
        attention.assert_close(got, expected, dtype)


@pytest.mark.parametrize("opset", OPSETS)
def test_opsets(session, function_body, knows_opset, opset):
    requires(knows_opset, opset)
    for sizes in SIZES:
        for attributes in ATTRIBUTES:
            check(session, function_body, sizes, attributes, opset=opset, bias=(1, sizes[1], 1, sizes[4]), mask=sizes[3:5])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("attributes", ATTRIBUTES, ids=str)
def test_types(ort, session, function_body, dtype, attributes):
    if dtype == "double" and is_old(ort):
        pytest.skip(f"ONNX Runtime {ort.__version__} has no kernel for what it makes of the body in double, and rounds a tanh to float")
    for sizes in SIZES:
        check(session, function_body, sizes, attributes, dtype)
        check(session, function_body, sizes, attributes, dtype, bias=sizes[3:5], mask=(sizes[0], 1, 1, sizes[4]))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (1, 7), (4, 1, 1), (1, 4, 3, 7), (2, 1, 3, 1), (2, 4, 3, 7)], ids=str)
def test_biases_and_masks_broadcast(session, function_body, shape):
    sizes = (2, 4, 2, 3, 7)
    check(session, function_body, sizes, {"fill": -3.0}, bias=shape)
    check(session, function_body, sizes, {"fill": -3.0}, mask=shape)


@pytest.mark.parametrize("opset", [13, ALLOW_ZERO, 17])
@pytest.mark.parametrize("sizes", EMPTY, ids=str)
def test_empty(ort, session, function_body, opset, sizes):
    if is_old(ort) and sizes[5:6] == (0,):
        pytest.skip(f"ONNX Runtime {ort.__version__} takes a wrong product of no channels")
    for attributes in ({}, {"zero_nan_rows": 1, "softcap": 1.0}):
        check(session, function_body, sizes, attributes, opset=opset, bias=sizes[4:5], mask=sizes[3:5])


@pytest.mark.parametrize("fill", [-np.inf, float(np.finfo(np.float32).min), -65504.0, -1e4, 0.0])
@pytest.mark.parametrize("zero_nan_rows", [0, 1])
def test_rows_without_a_visible_key(session, function_body, fill, zero_nan_rows):
    hidden = np.array([[True, False, True], [False, False, False]])
    attributes = {"fill": fill, "zero_nan_rows": zero_nan_rows}
    for dtype in ("float", "float16"):
        check(session, function_body, (1, 2, 1, 2, 3), attributes, dtype, hidden=hidden)


def test_a_function_serves_nodes_that_differ(session, function_body):
    sizes = (2, 4, 2, 3, 7)
    feeds = attention.inputs(*sizes, bias=(7,), mask=(3, 7))
    body = function(function_body(attention.NAME, 17, *(traits(sizes, a, bias=1, mask=1) for a in ATTRIBUTES)), 17)
    made = session(attention.single(ATTRIBUTES, functions=[body]), plugin=False)
    for got, attributes in zip(attention.run(made, feeds), ATTRIBUTES):
        attention.assert_close(got, attention.reference(**feeds, **attributes), "float")
