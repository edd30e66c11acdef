"""`RelativeGather` with the library loaded, against numpy."""

import numpy as np
import pytest
import relative_gather as gather

LEADS = [[], [3], [2, 3], [2, 1, 3], [1, 2, 1, 2]]
# Leading axes of scores, of query positions and of key positions.
BROADCAST = [([2, 3], [2, 1], []), ([2, 3], [3], [1, 1]), ([2, 3], [2, 3], [2, 1]), ([2, 2, 3], [2, 1, 1], [2, 1])]


def check(session, by_key, lead, query, key, lut, dtype="float", integer="int64", constant=False):
    feeds = gather.inputs(lead, query, key, lut, by_key, dtype, integer)
    made = session(gather.single(int(by_key), dtype, integer, lut=lut if constant else None))
    (got,) = gather.run(made, feeds)
    gather.assert_same(got, gather.reference(**feeds, by_key=by_key))


@pytest.mark.parametrize("dtype", gather.TYPES)
@pytest.mark.parametrize("integer", gather.INTEGERS)
@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("kind", ["identity", "reversed", "bucketed", "scattered"])
def test_types(session, dtype, integer, by_key, kind):
    for query, key in [(37, 37), (1, 50), (45, 1), (19, 70)]:
        check(session, by_key, [2, 3], query, key, gather.lookup(kind, 30), dtype, integer)


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("by_key", [False, True])
def test_ranks(session, lead, by_key):
    check(session, by_key, lead, 21, 34, gather.lookup("bucketed", 25))


@pytest.mark.parametrize("case", BROADCAST, ids=str)
@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("integer", gather.INTEGERS)
def test_positions_broadcast(session, case, by_key, integer):
    lead, query, key = case
    random = np.random.default_rng(1)
    for consecutive in (True, False):
        positions = [np.arange(n) + random.integers(0, 9, (*lead, 1)) for lead, n in ((query, 18), (key, 33))]
        if not consecutive:
            positions = [random.permuted(p, axis=-1) for p in positions]
        check(session, by_key, lead, *positions, gather.lookup("identity", 20), integer=integer)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("integer", gather.INTEGERS)
def test_extreme_positions(session, by_key, integer):
    info = np.iinfo(gather.INTEGERS[integer][1])
    positions = np.array([info.min, info.max, 0, -1, info.min + 2, info.max - 2], gather.INTEGERS[integer][1])
    check(session, by_key, [2], positions, positions, gather.lookup("identity", 4), integer=integer)


@pytest.mark.parametrize("by_key", [False, True])
def test_constant_lookup_table(session, by_key):
    for kind in ["identity", "reversed", "bucketed", "scattered"]:
        for reach in [0, 3, 90]:
            lut = gather.lookup(kind, reach)
            check(session, by_key, [2, 2], 75, 101, lut, constant=True)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("sizes", [([2], 0, 3), ([2], 3, 0), ([0], 3, 4), ([2, 0], 3, 3), ([], 0, 0)], ids=str)
def test_empty(session, by_key, sizes):
    check(session, by_key, *sizes, gather.lookup("identity", 2))


@pytest.mark.parametrize("by_key", [False, True])
def test_large_on_several_threads(session, by_key):
    lut = gather.lookup("bucketed", 300)
    feeds = gather.inputs([2, 5], 333, 411, lut, by_key)
    expected = gather.reference(**feeds, by_key=by_key)
    for threads in (1, 4):
        (got,) = gather.run(session(gather.single(int(by_key)), threads=threads), feeds)
        gather.assert_same(got, expected)


def test_payloads_of_nan_stay(session):
    lut = gather.lookup("identity", 40)
    for by_key in (False, True):
        feeds = gather.inputs([3], 40, 40, lut, by_key)
        scores = feeds["scores"].view(np.uint32)
        scores[...] = 0x7F800001 + np.arange(scores.size).reshape(scores.shape)
        (got,) = gather.run(session(gather.single(int(by_key))), feeds)
        gather.assert_same(got, gather.reference(**feeds, by_key=by_key))


@pytest.mark.parametrize(
    "scores, query, key, expected",
    [
        (["b", "h", "q", "r"], ["q"], ["k"], ["b", "h", "q", "k"]),
        (["b", 12, "q", 9], ["b", 1, "q"], ["b", 1, 7], ["b", 12, "q", 7]),
        (["q", 9], ["q"], [5], ["q", 5]),
        ([None, "q", 9], ["q"], [5], None),
        (["b", "q", 9], [None], [5], None),
        (None, ["q"], ["k"], None),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float", "float16"])
def test_shapes_are_inferred(session, scores, query, key, expected, dtype):
    shapes = {"scores": scores, "query_positions": query, "key_positions": key}
    (output,) = session(gather.single(dtype=dtype, shapes=shapes)).get_outputs()
    assert output.shape == expected if expected else output.shape in ([], None)


@pytest.mark.parametrize(
    "by_key, scores, lut, query, key, words",
    [
        (0, [5], [0], [5], [7], "scores [5] has rank 1, expected at least 2"),
        (0, [6, 9], [0], [5], [7], "axis 0 of scores [6, 9] is 6, expected 5, one row for each of query_positions"),
        (1, [5, 9], [0], [5], [7], "expected 7, one row for each of key_positions"),
        (0, [2, 5, 9], [0], [3, 5], [7], "leading axes [3] of query_positions do not broadcast"),
        (0, [5, 9], [0], [5], [1, 7], "leading axes [1] of key_positions do not broadcast"),
        (0, [5, 9], [0], [], [7], "query_positions has rank 0"),
        (0, [5, 9], [0, 1], [5], [7], "lut has 2 entries, expected an odd number"),
        (0, [5, 9], [[0]], [5], [7], "lut [1, 1] has rank 2, expected 1"),
        (0, [5, 9], [0, 9, 1], [5], [7], "lut[1] is 9, expected one of the 9 columns of scores"),
        (1, [7, 9], [0, 1, -1], [5], [7], "lut[2] is -1, expected one of the 9 columns of scores"),
        (0, [5, 0], [0], [5], [7], "expected one of the 0 columns"),
    ],
    ids=str,
)
@pytest.mark.parametrize("constant", [False, True])
def test_inputs_that_do_not_fit(session, by_key, scores, lut, query, key, words, constant):
    lut = np.array(lut, np.int64)
    feeds = {"scores": np.zeros(scores, np.float32), "lut": lut}
    feeds |= {"query_positions": np.zeros(query, np.int64), "key_positions": np.zeros(key, np.int64)}
    with pytest.raises(Exception) as error:
        gather.run(session(gather.single(by_key, lut=lut if constant else None)), feeds)
    assert words in str(error.value), error.value
    assert "gather_0" in str(error.value) or constant, error.value


@pytest.mark.parametrize("by_key, words", [(2, "attribute `by_key` is 2, expected 0 or 1"), (0.5, "attribute `by_key` is not an integer")])
def test_attributes_that_make_no_sense(session, by_key, words):
    with pytest.raises(Exception) as error:
        session(gather.single(by_key))
    assert words in str(error.value), error.value
