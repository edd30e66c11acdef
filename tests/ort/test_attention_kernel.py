"""`Attention` with the library loaded, against numpy."""

import attention
import numpy as np
import pytest
from test_attention_function import ATTRIBUTES, EMPTY, SIZES

LARGE = [(1, 8, 2, 1, 700, 64, 64), (2, 4, 2, 130, 130, 24, 40), (1, 16, 2, 5, 300, 16, 16)]


def check(session, sizes, attributes, dtype="float", bias=None, mask=None, threads=1):
    feeds = attention.inputs(*sizes, bias=bias, mask=mask, dtype=dtype)
    made = session(attention.single([attributes], dtype), threads=threads)
    (got,) = attention.run(made, feeds)
    attention.assert_close(got, attention.reference(**feeds, dtype=dtype, **attributes), dtype)


@pytest.mark.parametrize("dtype", attention.TOLERANCE)
@pytest.mark.parametrize("attributes", ATTRIBUTES, ids=str)
def test_types(session, dtype, attributes):
    for sizes in SIZES + LARGE:
        check(session, sizes, attributes, dtype)
        check(session, sizes, attributes, dtype, bias=sizes[3:5], mask=(sizes[0], 1, 1, sizes[4]))


@pytest.mark.parametrize("sizes", EMPTY, ids=str)
@pytest.mark.parametrize("zero_nan_rows", [0, 1])
def test_empty(session, sizes, zero_nan_rows):
    check(session, sizes, {"zero_nan_rows": zero_nan_rows}, bias=sizes[4:5], mask=sizes[3:5])


@pytest.mark.parametrize("sizes", LARGE + [(1, 8, 2, 1, 5000, 64, 64)], ids=str)
def test_several_threads(session, sizes):
    for threads in (1, 2, 5):
        check(session, sizes, {"scale": 0.1}, mask=(sizes[4],), threads=threads)


@pytest.mark.parametrize("sizes", LARGE, ids=str)
@pytest.mark.parametrize("fill", [-np.inf, float(np.finfo(np.float32).min)])
def test_promises(session, sizes, fill):
    feeds = attention.inputs(*sizes)
    queries, keys = sizes[3:5]
    place = np.arange(queries)[:, None] + keys - queries
    key = np.arange(keys)
    # Some padding at the left, which leaves the first rows of a square mask without a key.
    feeds["mask"] = (key <= place) & (key >= place - 50) & (key >= 9)
    kept = {"fill": fill, "scale": 0.2, "zero_nan_rows": 1}
    promised = [{"causal": 1}, {"window_left": 50, "window_right": 0}, {"causal": 1, "window_left": 60}]
    made = session(attention.single([{**kept, **p} for p in promised]))
    expected = attention.reference(**feeds, **kept)
    for got in attention.run(made, feeds):
        attention.assert_close(got, expected, "float")


@pytest.mark.parametrize("constants", [["bias"], ["mask"], ["bias", "mask"]], ids=str)
def test_constants(session, constants):
    sizes = (2, 4, 2, 3, 7)
    for bias, mask in ((None, None), ((7,), (3, 7))):
        feeds = attention.inputs(*sizes, bias=bias, mask=mask)
        made = session(attention.single([{}], constants={n: feeds[n] for n in constants}))
        (got,) = attention.run(made, feeds)
        attention.assert_close(got, attention.reference(**feeds), "float")


@pytest.mark.parametrize(
    "q, v, expected",
    [
        (["b", 12, "s", 64], ["b", 4, "t", 64], ["b", 12, "s", 64]),
        (["b", "n", "s", 64], ["b", "h", "t", "e"], ["b", "n", "s", "e"]),
        ([None, 12, "s", 64], ["b", 4, "t", 64], None),
        (["b", 12, "s", 64], [None, 4, "t", 64], None),
        (None, ["b", 4, "t", 64], None),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float", "float16"])
def test_shapes_are_inferred(session, q, v, expected, dtype):
    (output,) = session(attention.single([{}], dtype, shapes={"Q": q, "V": v})).get_outputs()
    assert output.shape == expected if expected else output.shape in ([], None)


@pytest.mark.parametrize(
    "shapes, words",
    [
        ({"Q": (4, 3, 8)}, "Q [4, 3, 8] has rank 3, expected 4"),
        ({"K": (2, 2, 7, 9)}, "axis 3 of K [2, 2, 7, 9] is 9, expected 8, as in Q [2, 4, 3, 8]"),
        ({"V": (2, 2, 6, 8)}, "axis 2 of V [2, 2, 6, 8] is 6, expected 7, as in K [2, 2, 7, 8]"),
        ({"Q": (2, 5, 3, 8)}, "Q [2, 5, 3, 8] has 5 heads, expected a multiple of the 2 heads of K [2, 2, 7, 8]"),
        ({"bias": (6,)}, "bias [6] does not broadcast to the scores [2, 4, 3, 7]"),
        ({"mask": (1, 2, 4, 3, 7)}, "mask [1, 2, 4, 3, 7] does not broadcast to the scores [2, 4, 3, 7]"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(session, shapes, words):
    feeds = attention.inputs(2, 4, 2, 3, 7)
    feeds |= {name: np.zeros(shape, feeds[name].dtype) for name, shape in shapes.items()}
    with pytest.raises(Exception) as error:
        attention.run(session(attention.single([{}])), feeds)
    assert words in str(error.value) and "attention_0" in str(error.value), error.value


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"causal": 2}, "attribute `causal` is 2, expected 0 or 1"),
        ({"softcap": -1.0}, "attribute `softcap` is -1.0, expected a finite number, at least 0"),
        ({"fill": float("nan")}, "attribute `fill` is NaN, expected a number"),
        ({"window_left": -2}, "attribute `window_left` is -2, expected -1 or more"),
        ({"scale": 1}, "attribute `scale` is not a float"),
    ],
    ids=str,
)
def test_attributes_that_make_no_sense(session, attributes, words):
    with pytest.raises(Exception) as error:
        session(attention.single([attributes]))
    assert words in str(error.value), error.value
