"""The function body of `RotaryTable`, without the library."""

import numpy as np
import pytest
import rotary_table as table
from common import OPSETS, function, use

# Attributes, shape of positions, whether they have several coordinates.
CASES = [
    (dict(), [2, 7], False),
    (dict(amplitude=1.25), [9], False),
    (dict(precise=1), [2, 3, 2], False),
    (dict(precise=1, amplitude=0.5), [], False),
    (dict(), [3, 2, 5], True),
    (dict(axis=-1, precise=1), [4, 2], True),
    (dict(axis=1, amplitude=2.0), [2, 3, 4], True),
]


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


def traits(attributes, shape, several, dtype):
    axis = attributes.get("axis", 0)
    return use(**attributes, streams=shape[axis] if several else 0, table=dtype)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("general", [False, True], ids=["one use", "any use"])
@pytest.mark.parametrize("dtype", table.TABLES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_body(session, function_body, knows_opset, opset, general, dtype, case):
    requires(knows_opset, opset)
    if general and opset < 15:
        pytest.skip("a body for every type needs opset 15")
    attributes, shape, several = case
    axis = attributes.get("axis", 0) if several else None
    uses = [] if general else [traits(attributes, shape, several, dtype)]
    body = function(function_body(table.NAME, opset, *uses), opset)
    made = session(table.single(attributes, table=dtype, opset=opset, functions=[body]), plugin=False)
    feeds = table.inputs(shape, 6, table=dtype, axis=axis)
    expected = table.reference(**feeds, **attributes)
    # The sum of several products in the host's order may differ by half an ulp of an angle of some thousands.
    times = 4000 if general and several and dtype != "float16" and not attributes.get("precise") else 4
    table.assert_close(table.run(made, feeds), expected, dtype, times)


@pytest.mark.parametrize("positions", table.TYPES)
@pytest.mark.parametrize("dtype", table.TABLES)
@pytest.mark.parametrize("precise", [0, 1])
def test_positions_of_every_type(session, function_body, positions, dtype, precise):
    for uses in ([], [traits(dict(precise=precise), [], False, dtype)]):
        body = function(function_body(table.NAME, 17, *uses), 17)
        made = session(table.single(dict(precise=precise), positions, dtype, functions=[body]), plugin=False)
        feeds = table.inputs([3, 5], 4, positions, dtype)
        table.assert_close(table.run(made, feeds), table.reference(**feeds, precise=precise), dtype, 4)


@pytest.mark.parametrize("general", [False, True])
def test_precise_at_the_largest_positions(session, function_body, general):
    body = function(function_body(table.NAME, 17, *([] if general else ["precise=1,streams=0"])), 17)
    made = session(table.single(dict(precise=1), functions=[body]), plugin=False)
    feeds = table.inputs([64], 16, highest=2**31)
    feeds["positions"][:3] = 2**31 - 1, 2**31, 2**31 - 2
    feeds["frequencies"][0] = 1
    got = table.run(made, feeds)
    for g, e in zip(got, table.reference(**feeds, precise=1), strict=True):
        assert (np.abs(g - e) <= 0.51 * np.spacing(np.abs(e).astype(np.float32))).all()


@pytest.mark.parametrize("general", [False, True])
def test_doubles_beyond_every_reduction_by_pieces(session, function_body, general):
    """The host's own sines; cosines to four epsilons of 1."""
    body = function(function_body(table.NAME, 17, *([] if general else ["precise=0,streams=0,table=double"])), 17)
    made = session(table.single(dict(precise=0), "int64", "double", functions=[body]), plugin=False)
    for exponent in (33, 34, 45, 52):
        feeds = table.inputs([64], 16, "int64", "double")
        feeds["positions"] = 2**exponent + np.arange(64)
        angles = feeds["positions"].astype(np.float64)[:, None] * feeds["frequencies"].astype(np.float64)
        got = table.run(made, feeds)
        for g, e in zip(got, (np.cos(angles), np.sin(angles)), strict=True):
            assert np.abs(g - e).max() <= 4 * np.finfo(np.float64).eps


@pytest.mark.parametrize("shape", [[0], [2, 0], [0, 3]], ids=str)
def test_empty(session, function_body, shape):
    for uses in ([], ["streams=0"]):
        body = function(function_body(table.NAME, 17, *uses), 17)
        feeds = table.inputs(shape, 4)
        got = table.run(session(table.single(functions=[body]), plugin=False), feeds)
        assert [g.shape for g in got] == [(*shape, 4)] * 2


def test_one_body_for_nodes_that_differ(session, function_body):
    """Attributes and types that differ between uses share one function."""
    body = function(function_body(table.NAME, 17, "amplitude=2.0,streams=0", "precise=1,streams=3,axis=1,table=double"), 17)
    for attributes, dtype, shape, axis in [
        (dict(amplitude=2.0), "float", [2, 3], None),
        (dict(precise=1, axis=1), "double", [2, 3], 1),
    ]:
        made = session(table.single(attributes, table=dtype, functions=[body]), plugin=False)
        feeds = table.inputs(shape, 5, table=dtype, axis=axis)
        table.assert_close(table.run(made, feeds), table.reference(**feeds, **attributes), dtype, 4)


def test_reference_evaluator(function_body):
    """onnx's own evaluator reads the function as well."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for attributes in (dict(), dict(precise=1, amplitude=1.5)):
        body = function(function_body(table.NAME, 17, use(**attributes, streams=0)), 17)
        feeds = table.inputs([3, 4], 5)
        given = {**feeds, "frequencies": feeds["frequencies"].astype(np.float64)}
        got = evaluator(table.single(attributes, functions=[body])).run(None, given)
        table.assert_close(got, table.reference(**feeds, **attributes), "float", 4)
