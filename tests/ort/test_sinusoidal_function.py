"""The function body of `SinusoidalEmbedding`, without the library."""

import numpy as np
import pytest
import rotary_table as table
import sinusoidal
from common import OPSETS, function, use


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


def traits(attributes, dtype="float", frequencies=6):
    return use(**attributes, frequencies=frequencies, table=dtype)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("general", [False, True], ids=["one use", "any use"])
@pytest.mark.parametrize("dtype", sinusoidal.TYPES)
def test_body(session, function_body, knows_opset, opset, general, dtype):
    requires(knows_opset, opset)
    if general and opset < 15:
        pytest.skip("a body for every type needs opset 15")
    for attributes, shape in sinusoidal.CASES:
        uses = [] if general else [traits(attributes, dtype)]
        body = function(function_body(sinusoidal.NAME, opset, *uses), opset)
        model = sinusoidal.single(attributes, dtype=dtype, opset=opset, functions=[body])
        feeds = sinusoidal.inputs(shape, dtype=dtype)
        expected = sinusoidal.reference(**feeds, **attributes)
        sinusoidal.assert_close(sinusoidal.run(session(model, plugin=False), feeds), expected, dtype, 4)


@pytest.mark.parametrize("positions", table.TYPES)
@pytest.mark.parametrize("dtype", sinusoidal.TYPES)
@pytest.mark.parametrize("attributes", [dict(padding_position=3), dict(precise=1)], ids=str)
def test_positions_of_every_type(session, function_body, positions, dtype, attributes):
    for uses in ([], [traits(attributes, dtype, 4)]):
        body = function(function_body(sinusoidal.NAME, 17, *uses), 17)
        made = session(sinusoidal.single(attributes, positions, dtype, functions=[body]), plugin=False)
        feeds = sinusoidal.inputs([3, 5], 4, positions, dtype)
        sinusoidal.assert_close(sinusoidal.run(made, feeds), sinusoidal.reference(**feeds, **attributes), dtype, 4)


@pytest.mark.parametrize("general", [False, True])
def test_precise_at_the_largest_positions(session, function_body, general):
    body = function(function_body(sinusoidal.NAME, 17, *([] if general else [traits(dict(precise=1))])), 17)
    made = session(sinusoidal.single(dict(precise=1), functions=[body]), plugin=False)
    feeds = sinusoidal.inputs([64], 16, highest=2**31)
    feeds["positions"][:3] = 2**31 - 1, 2**31, 2**31 - 2
    feeds["frequencies"][0] = 1
    got = sinusoidal.run(made, feeds)
    expected = sinusoidal.reference(**feeds, precise=1)
    assert (np.abs(got - expected) <= 0.51 * np.spacing(np.abs(expected).astype(np.float32))).all()


@pytest.mark.parametrize("attributes", [dict(), dict(width=5, interleaved=1, padding_position=1), dict(width=9)], ids=str)
@pytest.mark.parametrize("shape, count", [([0], 4), ([2, 0], 4), ([0, 3], 4), ([3], 0)], ids=str)
@pytest.mark.parametrize("opset", [13, 17])
def test_empty(session, function_body, attributes, shape, count, opset):
    for uses in ([], [traits(attributes, frequencies=count)]) if opset > 14 else ([traits(attributes, frequencies=count)],):
        body = function(function_body(sinusoidal.NAME, opset, *uses), opset)
        made = session(sinusoidal.single(attributes, opset=opset, functions=[body]), plugin=False)
        got = sinusoidal.run(made, sinusoidal.inputs(shape, count))
        assert got.shape == (*shape, attributes.get("width", 2 * count))
        assert not got.any()


def test_a_position_of_minus_one_is_no_padding(session, function_body):
    for uses in ([], [traits({})], [traits({}), traits(dict(padding_position=1))]):
        body = function(function_body(sinusoidal.NAME, 17, *uses), 17)
        feeds = {**sinusoidal.inputs([3]), "positions": np.array([-1, 0, 1])}
        got = sinusoidal.run(session(sinusoidal.single(functions=[body]), plugin=False), feeds)
        sinusoidal.assert_close(got, sinusoidal.reference(**feeds), "float")


def test_padding_is_zero_whatever_the_frequencies(session, function_body):
    attributes = dict(padding_position=2, width=5)
    feeds = {"positions": np.array([2, 3]), "frequencies": np.array([np.nan, np.inf], np.float32)}
    for uses in ([], [traits(attributes, frequencies=2)]):
        body = function(function_body(sinusoidal.NAME, 17, *uses), 17)
        got = sinusoidal.run(session(sinusoidal.single(attributes, functions=[body]), plugin=False), feeds)
        assert not got[0].any() and np.isnan(got[1, :4]).all() and got[1, 4] == 0


def test_one_body_for_nodes_that_differ(session, function_body):
    """Attributes and types that differ between uses share one function."""
    given = [
        (dict(interleaved=1, width=11), "float", 6),
        (dict(precise=1, amplitude=2.0, padding_position=1), "double", 6),
        (dict(cos_first=1, width=9), "bfloat16", 3),
    ]
    body = function(function_body(sinusoidal.NAME, 17, *(traits(a, dtype, count) for a, dtype, count in given)), 17)
    for attributes, dtype, count in given:
        made = session(sinusoidal.single(attributes, dtype=dtype, functions=[body]), plugin=False)
        feeds = sinusoidal.inputs([2, 3], count, dtype=dtype)
        sinusoidal.assert_close(sinusoidal.run(made, feeds), sinusoidal.reference(**feeds, **attributes), dtype, 4)


def test_halves_share_a_body_in_float(session, function_body):
    """Where arithmetic is float for all uses, the body computes in it."""
    uses = [traits({}, dtype) for dtype in ("float", "float16", "bfloat16")]
    printed = function_body(sinusoidal.NAME, 17, *uses)
    assert {"Cos", "Sin", "CastLike"} <= {node["op_type"] for node in printed["nodes"]} and len(printed["nodes"]) < 10
    for dtype in ("float", "float16", "bfloat16"):
        feeds = sinusoidal.inputs([5], dtype=dtype)
        made = session(sinusoidal.single(dtype=dtype, functions=[function(printed, 17)]), plugin=False)
        sinusoidal.assert_close(sinusoidal.run(made, feeds), sinusoidal.reference(**feeds), dtype, 4)


def test_reference_evaluator(function_body):
    """onnx's own evaluator reads the function as well."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for attributes in (dict(), dict(precise=1, amplitude=1.5, interleaved=1, width=11, padding_position=1)):
        body = function(function_body(sinusoidal.NAME, 17, traits(attributes)), 17)
        feeds = sinusoidal.inputs([3, 4])
        given = {**feeds, "frequencies": feeds["frequencies"].astype(np.float64)}
        (got,) = evaluator(sinusoidal.single(attributes, functions=[body])).run(None, given)
        sinusoidal.assert_close(got, sinusoidal.reference(**feeds, **attributes), "float", 4)
