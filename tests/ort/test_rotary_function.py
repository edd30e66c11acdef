"""The function body of `RotaryEmbedding`: alone it computes what the kernel does, beside the kernel it stays unused."""

import itertools

import numpy as np
import pytest
import rotary
from common import OPSETS, function

CASES = [
    dict(interleaved=i, output_interleaved=o, inverse=v, **part)
    for i, o, v in itertools.product((0, 1), (-1, 0, 1), (0, 1))
    for part in (dict(), dict(rotary_dim=6), dict(rotary_dim=4, rotary_offset=3), dict(rotary_offset=2))
]


def use(attributes, **more):
    return ",".join(f"{k}={v}" for k, v in {**attributes, **more}.items())


def rotated(attributes, channels):
    return attributes.get("rotary_dim") or channels - attributes.get("rotary_offset", 0)


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("general", [False, True], ids=["one use", "any use"])
def test_every_attribute(session, function_body, knows_opset, opset, general):
    requires(knows_opset, opset)
    channels = 12
    for attributes in CASES:
        for width in (rotated(attributes, channels) // 2, rotated(attributes, channels)):
            uses = [use(attributes, head_dim=channels, table_width=width)]
            if general:
                uses.append(use({**attributes, "inverse": 1 - attributes["inverse"]}, head_dim=channels, table_width=width))
            body = function_body(rotary.NAME, opset, *uses)
            assert general == any(
                isinstance(v, dict) for n in body["nodes"] for v in n["attributes"].values()
            ), "the general body refers to attributes, the special one does not"
            made = rotary.single(attributes, opset=opset, functions=[function(body, opset)])
            feeds = rotary.inputs([2, 3, 4, channels], [2, 1, 4, width], [4, width])
            expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], **attributes)
            alone = rotary.run(session(made, plugin=False), feeds)
            assert alone.shape == feeds["X"].shape
            rotary.assert_close(alone, expected, "float")
            rotary.assert_close(rotary.run(session(made), feeds), expected, "float")


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
def test_every_type(session, function_body, knows_opset, opset, types):
    requires(knows_opset, opset)
    x_type, table_type = types
    for interleaved in (0, 1):
        attributes = dict(interleaved=interleaved, rotary_dim=8)
        body = function_body(
            rotary.NAME, opset, use(attributes, head_dim=10, table_width=4, x=x_type, table=table_type)
        )
        functions = [function(body, opset)]
        made = rotary.single(attributes, opset=opset, functions=functions, x_type=x_type, table_type=table_type)
        feeds = rotary.inputs([3, 4, 10], [4, 4], x_type=x_type, table_type=table_type)
        expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], **attributes)
        alone = rotary.run(session(made, plugin=False), feeds)
        rotary.assert_close(alone, expected, x_type)
        kernel = rotary.run(session(made), feeds)
        rotary.assert_close(alone, np.asarray(kernel, np.float64), x_type)


@pytest.mark.parametrize("opset", [o for o in OPSETS if o >= 15])
def test_one_body_for_nodes_that_differ(session, function_body, knows_opset, opset):
    """Two nodes with other attributes and other table widths share the model's one function."""
    requires(knows_opset, opset)
    first, second = dict(interleaved=1, output_interleaved=0), dict(rotary_dim=6, rotary_offset=1, inverse=1)
    body = function_body(
        rotary.NAME, opset, use(first, head_dim=12, table_width=6), use(second, head_dim=12, table_width=6)
    )
    nodes = [(["X", "cos", "sin"], "h", first), (["h", "cos", "sin"], "Y", second)]
    made = rotary.model(nodes, opset=opset, functions=[function(body, opset)])
    feeds = rotary.inputs([2, 3, 12], [3, 6])
    h = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], **first)
    expected = rotary.reference(h, feeds["cos"], feeds["sin"], **second)
    for plugin in (False, True):
        rotary.assert_close(rotary.run(session(made, plugin=plugin), feeds), expected, "float", times=4)


@pytest.mark.parametrize("x_type", ["float", "float16", "double"])
def test_one_body_for_types_that_differ(session, function_body, x_type):
    body = function_body(rotary.NAME, 17)
    made = rotary.single({"interleaved": 1}, x_type=x_type, functions=[function(body, 17)])
    feeds = rotary.inputs([3, 4, 10], [4, 5], x_type=x_type)
    expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], interleaved=1)
    rotary.assert_close(rotary.run(session(made, plugin=False), feeds), expected, x_type)


@pytest.mark.parametrize("shape", [[12], [2, 12], [2, 1, 3, 2, 12], [0, 12], [2, 3, 0]], ids=str)
def test_every_rank(session, function_body, shape):
    channels = shape[-1]
    for attributes in (dict(), dict(interleaved=1), dict(interleaved=1, output_interleaved=0)):
        uses = use(attributes, head_dim=channels, table_width=channels // 2)
        for chosen in ([uses], []):
            body = function_body(rotary.NAME, 17, *chosen)
            made = rotary.single(attributes, functions=[function(body, 17)])
            feeds = rotary.inputs(shape, [channels // 2])
            expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], **attributes)
            got = rotary.run(session(made, plugin=False), feeds)
            assert got.shape == expected.shape
            rotary.assert_close(got, expected, "float")


def test_absent_attributes_have_the_kernels_defaults(session, function_body):
    made = rotary.single({}, functions=[function(function_body(rotary.NAME, 17), 17)])
    feeds = rotary.inputs([3, 8], [3, 4])
    alone = rotary.run(session(made, plugin=False), feeds)
    np.testing.assert_allclose(alone, rotary.run(session(made), feeds), rtol=0, atol=1e-6)


def test_the_kernel_wins_over_the_body(session, function_body):
    """A body that is wrong on purpose goes unnoticed where the library is loaded."""
    body = function_body(rotary.NAME, 17, use({}, head_dim=8, table_width=4))
    functions = [function(body, 17)]
    feeds = rotary.inputs([3, 8], [3, 4])
    right = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"])
    for node in functions[0].node:
        if node.op_type == "Sub":
            node.op_type = "Add"
    made = rotary.single({}, functions=functions)
    assert not np.allclose(rotary.run(session(made, plugin=False), feeds), right, atol=1e-3)
    rotary.assert_close(rotary.run(session(made), feeds), right, "float")


def test_reference_evaluator(function_body):
    """onnx's own evaluator runs the body as well."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for attributes in (dict(), dict(interleaved=1, inverse=1)):
        for chosen in ([use(attributes, head_dim=8, table_width=4)], []):
            functions = [function(function_body(rotary.NAME, 17, *chosen), 17)]
            made = rotary.single({**rotary.DEFAULTS, **attributes}, functions=functions)
            feeds = rotary.inputs([3, 8], [3, 4])
            expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"], **attributes)
            rotary.assert_close(evaluator(made).run(None, feeds)[0], expected, "float")
