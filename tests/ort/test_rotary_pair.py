"""`RotaryEmbeddingPair`: with the library loaded, and by its function body alone."""

import numpy as np
import pytest
import rotary
import rotary_pair
from common import OPSETS, function, use

SHAPES = [
    ([1, 4, 3, 16], [1, 2, 3, 16], [3, 8]),
    ([2, 5, 4, 16], [2, 5, 1, 16], [2, 5, 1, 16]),
    ([3, 16], [2, 3, 16], [8]),
]


@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_types(session, types, shapes):
    feeds = rotary_pair.inputs(*shapes, *types)
    made = session(rotary_pair.model(x_type=types[0], table_type=types[1]))
    rotary_pair.check(rotary_pair.run(made, feeds), feeds, types[0])


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
@pytest.mark.parametrize("general", [False, True], ids=["one use", "any use"])
def test_body(session, function_body, knows_opset, opset, types, general):
    if not knows_opset(opset):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")
    if general and opset < 15:
        pytest.skip("a body for every type needs opset 15")
    attributes = dict(interleaved=1, rotary_dim=8)
    chosen = [] if general else [use(**attributes, head_dim=12, table_width=4, x=types[0], table=types[1], k_head_dim=8)]
    body = function(function_body(rotary_pair.NAME, opset, *chosen), opset)
    feeds = rotary_pair.inputs([2, 3, 12], [3, 8], [3, 4], *types)
    made = rotary_pair.model(attributes, x_type=types[0], table_type=types[1], opset=opset, functions=[body])
    for plugin in (False, True):
        got = rotary_pair.run(session(made, plugin=plugin), feeds)
        rotary_pair.check(got, feeds, types[0], **attributes)


def test_chain_in_place(session):
    feeds = rotary_pair.inputs([1, 8, 33, 64], [1, 2, 33, 64], [33, 32])
    made = session(rotary_pair.model(count=5), threads=2)
    got = rotary_pair.run(made, feeds)
    for y, x in zip(got, ("Q", "K"), strict=True):
        expected = feeds[x]
        for _ in range(5):
            expected = rotary.reference(expected, feeds["cos"], feeds["sin"]).astype(np.float32)
        rotary.assert_close(y, expected.astype(np.float64), "float", times=8 * np.abs(expected).max())


def test_large_on_several_threads(session):
    feeds = rotary_pair.inputs([1, 32, 300, 128], [1, 8, 300, 128], [300, 64])
    several = rotary_pair.run(session(rotary_pair.model(), threads=4), feeds)
    rotary_pair.check(several, feeds, "float")
    for a, b in zip(several, rotary_pair.run(session(rotary_pair.model()), feeds), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
def test_shapes_are_inferred(session, types):
    model = rotary_pair.model(
        count=2, shapes=(["b", 8, "s", 64], ["b", 2, "s", 64]), x_type=types[0], table_type=types[1]
    )
    assert [o.shape for o in session(model).get_outputs()] == [["b", 8, "s", 64], ["b", 2, "s", 64]]


@pytest.mark.parametrize(
    "shapes, words",
    [
        (([2, 8], [2, 7], [4]), "7 channels"),
        (([2, 8], [3, 8], [2, 4]), "the leading axes [2] of cos do not broadcast to the leading axes [3] of K"),
        (([3, 8], [2, 8], [2, 4]), "of Q"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(session, shapes, words):
    with pytest.raises(Exception) as error:
        rotary_pair.run(session(rotary_pair.model()), rotary_pair.inputs(*shapes))
    assert words in str(error.value) and "pair_0" in str(error.value), error.value
