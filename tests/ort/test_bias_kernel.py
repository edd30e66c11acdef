"""`RelativePositionBias` and `AlibiBias` with the library loaded, against numpy."""

import bias
import numpy as np
import pytest
from rotary import TYPES

MAKERS = {bias.RELATIVE: bias.relative, bias.ALIBI: bias.alibi}
LIMITS = np.iinfo(np.int64)
# Positions of queries and of keys.
POSITIONS = {
    "prefill": (np.arange(70), np.arange(90)),
    "decode": (np.array([40]), np.arange(41)),
    "one key": (np.arange(5), np.array([2])),
    "any order": (np.array([5, 0, 9, 9, -3]), np.array([7, 7, -20, 5, 0, 6, 8])),
    "batches": (np.arange(6).reshape(2, 3), np.arange(0, 80, 2).reshape(2, 20)),
    "batches of keys": (np.array([0]), np.array([[0, 0, 1, 2], [0, 1, 2, 3], [0, 0, 0, 1]])),
    "a batch of one": (np.arange(3)[None], np.arange(40).reshape(2, 20)),
    "no queries": (np.arange(0), np.arange(9)),
    "no keys": (np.arange(9), np.arange(0)),
    "no batches": (np.zeros((0, 3), np.int64), np.arange(9)),
}
FAR = (np.array([LIMITS.min, 0, LIMITS.max]), np.array([LIMITS.max, LIMITS.min, -1, 0, LIMITS.max - 3]))


@pytest.mark.parametrize("integers", bias.INTEGERS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MAKERS)
def test_types(session, name, dtype, integers):
    for positions in POSITIONS.values():
        feeds = MAKERS[name](*positions, dtype, integers)
        got = bias.run(session(bias.single(name, dtype, integers)), feeds)
        bias.assert_same(got, bias.expected(feeds, dtype))


@pytest.mark.parametrize("dtype", TYPES)
def test_absolute(session, dtype):
    for positions in [*POSITIONS.values(), FAR]:
        feeds = bias.alibi(*positions, dtype)
        got = bias.run(session(bias.single(bias.ALIBI, dtype, absolute=1)), feeds)
        bias.assert_same(got, bias.expected(feeds, dtype, absolute=1))


@pytest.mark.parametrize("name", MAKERS)
def test_positions_at_the_ends_of_int64(session, name):
    feeds = MAKERS[name](*FAR, "double")
    bias.assert_same(bias.run(session(bias.single(name, "double")), feeds), bias.expected(feeds, "double"))


@pytest.mark.parametrize("name", MAKERS)
def test_constants(session, name):
    feeds = MAKERS[name](*POSITIONS["prefill"])
    for kept in [["lut"], ["table", "slopes"], ["query_positions", "key_positions"], list(feeds)]:
        constants = {k: v for k, v in feeds.items() if k in kept}
        made = session(bias.single(name, constants=constants))
        bias.assert_same(bias.run(made, feeds), bias.expected(feeds))


@pytest.mark.parametrize("name", MAKERS)
def test_infinities_and_nan(session, name):
    feeds = MAKERS[name](*POSITIONS["prefill"], heads=5)
    first = bias.INPUTS[name][0]
    feeds[first][..., :4] = np.inf, -np.inf, np.nan, -0.0
    with np.errstate(invalid="ignore"):
        bias.assert_same(bias.run(session(bias.single(name)), feeds), bias.expected(feeds))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", ["float", "float16"])
def test_large_on_several_threads(session, name, dtype):
    """Large enough to be written past the caches, of an odd size."""
    positions = (np.arange(701), np.arange(901))
    feeds = MAKERS[name](*positions, dtype, heads=41, **({"reach": 128} if name == bias.RELATIVE else {}))
    several = bias.run(session(bias.single(name, dtype), threads=4), feeds)
    bias.assert_same(several, bias.expected(feeds, dtype))
    bias.assert_same(bias.run(session(bias.single(name, dtype)), feeds), several)


@pytest.mark.parametrize(
    "heads, query, key, expected",
    [
        (8, ["q"], ["k"], [1, 8, "q", "k"]),
        ("n", [5], [7], [1, "n", 5, 7]),
        (8, ["b", "q"], ["k"], ["b", 8, "q", "k"]),
        (8, [1], ["b", "k"], ["b", 8, 1, "k"]),
        (8, ["b", "q"], ["b", "k"], ["b", 8, "q", "k"]),
        (8, [1, "q"], ["b", "k"], ["b", 8, "q", "k"]),
        (8, ["b", "q"], ["c", "k"], None),
        (8, None, ["k"], None),
        (8, [None], ["k"], None),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float", "float16"])
@pytest.mark.parametrize("name", MAKERS)
def test_shapes_are_inferred(session, name, heads, query, key, expected, dtype):
    shapes = {"table": [32, heads], "slopes": [heads], "lut": [257], "query_positions": query, "key_positions": key}
    for output in session(bias.single(name, dtype, shapes=shapes)).get_outputs():
        assert output.shape == expected if expected else output.shape in ([], None)


def refused(session, name, feeds, words):
    with pytest.raises(Exception) as error:
        bias.run(session(bias.single(name)), feeds)
    assert words in str(error.value) and "bias_0" in str(error.value), error.value
    assert type(error.value).__name__ == "InvalidArgument", type(error.value)


@pytest.mark.parametrize(
    "name, change, words",
    [
        (bias.RELATIVE, {"table": np.zeros([9], np.float32)}, "table [9] has rank 1, expected 2"),
        (bias.RELATIVE, {"lut": np.zeros([3, 3], np.int64)}, "lut [3, 3] has rank 2, expected 1"),
        (bias.RELATIVE, {"lut": np.zeros([4], np.int64)}, "lut has 4 entries, expected an odd number"),
        (bias.RELATIVE, {"lut": np.zeros([0], np.int64)}, "lut has 0 entries"),
        (bias.RELATIVE, {"lut": np.array([0, 9, 1])}, "lut[1] is 9, expected one of the 9 rows of table"),
        (bias.RELATIVE, {"lut": np.array([0, 1, -1])}, "lut[2] is -1"),
        (bias.RELATIVE, {"lut": np.array([LIMITS.min])}, "lut[0] is -9223372036854775808"),
        (bias.RELATIVE, {"table": np.zeros([0, 3], np.float32)}, "expected one of the 0 rows of table"),
        (bias.ALIBI, {"slopes": np.zeros([3, 1], np.float32)}, "slopes [3, 1] has rank 2, expected 1"),
        (bias.ALIBI, {"query_positions": np.zeros([], np.int64)}, "query_positions [] has rank 0, expected 1 or 2"),
        (bias.RELATIVE, {"key_positions": np.zeros([1, 1, 3], np.int64)}, "key_positions [1, 1, 3] has rank 3"),
        (
            bias.ALIBI,
            {"query_positions": np.zeros([2, 5], np.int64), "key_positions": np.zeros([3, 7], np.int64)},
            "query_positions [2, 5] and key_positions [3, 7] have batches of 2 and 3, which do not broadcast",
        ),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(session, name, change, words):
    refused(session, name, {**MAKERS[name](*POSITIONS["prefill"]), **change}, words)


def test_constant_tables_are_checked_when_the_session_is_made(session):
    feeds = bias.relative(*POSITIONS["prefill"])
    feeds["lut"][3] = 11
    for kept, at_once in [(["lut", "table"], True), (["lut"], False), (["table"], False)]:
        constants = {k: feeds[k] for k in kept}
        with pytest.raises(Exception, match=r"lut\[3\] is 11, expected one of the 9 rows of table"):
            made = session(bias.single(bias.RELATIVE, constants=constants))
            assert not at_once
            bias.run(made, feeds)
    with pytest.raises(Exception, match="lut has 2 entries"):
        session(bias.single(bias.RELATIVE, constants={"lut": np.zeros([2], np.int64)}))


def test_a_refusal_leaves_the_session_usable(session):
    made = session(bias.single(bias.RELATIVE))
    feeds = bias.relative(*POSITIONS["prefill"])
    for _ in range(3):
        with pytest.raises(Exception):
            bias.run(made, {**feeds, "lut": np.array([99])})
        bias.assert_same(bias.run(made, feeds), bias.expected(feeds))


@pytest.mark.parametrize(
    "value, words",
    [(2, "attribute `absolute` is 2, expected 0 or 1"), (0.5, "attribute `absolute` is not an integer")],
)
def test_attributes_that_make_no_sense(session, value, words):
    with pytest.raises(Exception) as error:
        session(bias.single(bias.ALIBI, absolute=value))
    assert words in str(error.value), error.value
