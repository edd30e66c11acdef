"""The function bodies of `RelativePositionBias` and `AlibiBias`, without the library."""

import bias
import numpy as np
import pytest
from common import OPSETS, function, use
from rotary import TYPES
from test_bias_kernel import FAR, MAKERS, POSITIONS


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


def traits(name, dtype="float", absolute=0):
    """The arguments that name a use: none for the operator whose body is the same for all."""
    return [use(absolute=absolute, dtype=dtype)] if name == bias.ALIBI else []


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("general", [False, True], ids=["one use", "any use"])
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("name", MAKERS)
def test_body(session, function_body, knows_opset, opset, general, positions, name):
    requires(knows_opset, opset)
    if general and opset < 15 and name == bias.ALIBI:
        pytest.skip("a body for every type needs opset 15")
    uses = [] if general else traits(name)
    body = function(function_body(name, opset, *uses), opset)
    made = session(bias.single(name, opset=opset, functions=[body]), plugin=False)
    feeds = MAKERS[name](*POSITIONS[positions])
    bias.assert_same(bias.run(made, feeds), bias.expected(feeds))


@pytest.mark.parametrize("integers", bias.INTEGERS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MAKERS)
def test_types(session, function_body, name, dtype, integers):
    for positions in (POSITIONS["prefill"], POSITIONS["batches"]):
        body = function(function_body(name, 17, *traits(name, dtype)), 17)
        made = session(bias.single(name, dtype, integers, functions=[body]), plugin=False)
        feeds = MAKERS[name](*positions, dtype, integers)
        bias.assert_same(bias.run(made, feeds), bias.expected(feeds, dtype))


@pytest.mark.parametrize("absolute", [0, 1])
@pytest.mark.parametrize("dtype", TYPES)
def test_one_body_for_nodes_that_differ(session, function_body, dtype, absolute):
    """It finds out which type it is given, and rounds as that does."""
    body = function(function_body(bias.ALIBI, 17), 17)
    made = session(bias.single(bias.ALIBI, dtype, functions=[body], absolute=absolute), plugin=False)
    for positions in [*POSITIONS.values(), (np.arange(200) + 16_777_210, np.arange(300))]:
        feeds = bias.alibi(*positions, dtype)
        bias.assert_same(bias.run(made, feeds), bias.expected(feeds, dtype, absolute))


@pytest.mark.parametrize("name", MAKERS)
def test_positions_at_the_ends_of_int64(session, function_body, name):
    body = function(function_body(name, 17, *traits(name, "double")), 17)
    made = session(bias.single(name, "double", functions=[body]), plugin=False)
    feeds = MAKERS[name](*FAR, "double")
    bias.assert_same(bias.run(made, feeds), bias.expected(feeds, "double"))


def test_lookup_table_of_one_entry(session, function_body):
    body = function(function_body(bias.RELATIVE, 17), 17)
    feeds = bias.relative(*POSITIONS["prefill"], reach=0)
    made = session(bias.single(bias.RELATIVE, functions=[body]), plugin=False)
    bias.assert_same(bias.run(made, feeds), bias.expected(feeds))


@pytest.mark.parametrize("name", MAKERS)
def test_body_and_kernel_agree(session, function_body, name):
    body = function(function_body(name, 17, *traits(name)), 17)
    model = bias.single(name, functions=[body])
    positions = (np.arange(200) + 16_777_210, np.arange(300))
    feeds = MAKERS[name](*positions)
    bias.assert_same(bias.run(session(model), feeds), bias.run(session(model, plugin=False), feeds))


@pytest.mark.parametrize("name", MAKERS)
def test_reference_evaluator(function_body, name):
    """onnx's own evaluator reads the function as well."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for positions in (POSITIONS["any order"], POSITIONS["batches"]):
        body = function(function_body(name, 17, *traits(name)), 17)
        feeds = MAKERS[name](*positions)
        got = evaluator(bias.single(name, functions=[body])).run(None, feeds)[0]
        bias.assert_same(got, bias.expected(feeds))
