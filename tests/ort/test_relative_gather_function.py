"""The function body of `RelativeGather`, without the library."""

import numpy as np
import pytest
import relative_gather as gather
from common import OPSETS, function, use
from test_relative_gather_kernel import BROADCAST, LEADS

ALLOW_ZERO = 14


def requires(knows_opset, opset):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


def bodies(function_body, by_key, lead, opset):
    """Bodies that serve a use, from the one for it alone to the one for all."""
    alone = use(by_key=int(by_key), rank=len(lead) + 2)
    for uses in ([alone], [use(by_key=int(by_key))], [alone, use(by_key=int(not by_key))], []):
        yield function(function_body(gather.NAME, opset, *uses), opset)


def check(session, body, by_key, feeds, dtype="float", integer="int64", opset=17):
    made = session(gather.single(int(by_key), dtype, integer, opset, [body]), plugin=False)
    (got,) = gather.run(made, feeds)
    gather.assert_same(got, gather.reference(**feeds, by_key=by_key))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("by_key", [False, True])
def test_opsets(session, function_body, knows_opset, opset, by_key):
    requires(knows_opset, opset)
    for lead in LEADS:
        feeds = gather.inputs(lead, 5, 7, gather.lookup("bucketed", 4), by_key)
        for body in bodies(function_body, by_key, lead, opset):
            check(session, body, by_key, feeds, opset=opset)


@pytest.mark.parametrize("dtype", gather.TYPES)
@pytest.mark.parametrize("integer", gather.INTEGERS)
@pytest.mark.parametrize("by_key", [False, True])
def test_types(session, function_body, dtype, integer, by_key):
    feeds = gather.inputs([2, 3], 5, 7, gather.lookup("scattered", 4), by_key, dtype, integer)
    for body in bodies(function_body, by_key, [2, 3], 17):
        check(session, body, by_key, feeds, dtype, integer)


@pytest.mark.parametrize("case", BROADCAST, ids=str)
@pytest.mark.parametrize("by_key", [False, True])
def test_positions_broadcast(session, function_body, case, by_key):
    lead, query, key = case
    random = np.random.default_rng(1)
    positions = [random.integers(0, 9, (*lead, n)) for lead, n in ((query, 4), (key, 6))]
    feeds = gather.inputs(lead, *positions, gather.lookup("identity", 5), by_key)
    for body in bodies(function_body, by_key, lead, 17):
        check(session, body, by_key, feeds)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("integer", gather.INTEGERS)
def test_extreme_positions(session, function_body, orders_int64, by_key, integer):
    if not orders_int64:
        pytest.skip("this release of ONNX Runtime takes a wrong maximum of int64")
    info = np.iinfo(gather.INTEGERS[integer][1])
    positions = np.array([info.min, info.max, 0, -1, info.min + 2, info.max - 2], gather.INTEGERS[integer][1])
    feeds = gather.inputs([2], positions, positions, gather.lookup("identity", 4), by_key, integer=integer)
    for body in bodies(function_body, by_key, [2], 17):
        check(session, body, by_key, feeds, integer=integer)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("sizes", [([2], 0, 3), ([2], 3, 0), ([0], 3, 4), ([2, 0], 3, 3), ([], 0, 0)], ids=str)
@pytest.mark.parametrize("opset", [13, ALLOW_ZERO, 17])
def test_empty(session, function_body, by_key, sizes, opset):
    feeds = gather.inputs(*sizes, gather.lookup("identity", 2), by_key)
    for body in bodies(function_body, by_key, sizes[0], opset):
        if opset < ALLOW_ZERO and any(n.op_type == "Reshape" for n in body.node):
            continue  # Said not to serve.
        check(session, body, by_key, feeds, opset=opset)


def test_one_body_for_both(session, function_body):
    """Nodes that differ in the attribute share one function."""
    lut = gather.lookup("bucketed", 9)
    body = function(function_body(gather.NAME, 17, use(by_key=0, rank=4), use(by_key=1, rank=4)), 17)
    made = session(gather.single(functions=[body], several=True), plugin=False)
    feeds = gather.inputs([2, 3], 11, 8, lut)
    by_key = gather.inputs([2, 3], 11, 8, lut, by_key=True)
    got = gather.run(made, {**feeds, "scores_by_key": by_key["scores"]})
    gather.assert_same(got[0], gather.reference(**feeds))
    gather.assert_same(got[1], gather.reference(**by_key, by_key=True))


def test_reference_evaluator(function_body):
    """onnx's own evaluator reads the function as well; its older releases gather along no more than 32 elements."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for by_key in (False, True):
        feeds = gather.inputs([2, 3], 3, 4, gather.lookup("identity", 3), by_key)
        for uses in ([use(by_key=int(by_key), rank=4)], []):
            body = function(function_body(gather.NAME, 17, *uses), 17)
            (got,) = evaluator(gather.single(int(by_key), functions=[body])).run(None, feeds)
            gather.assert_same(got, gather.reference(**feeds, by_key=by_key))
