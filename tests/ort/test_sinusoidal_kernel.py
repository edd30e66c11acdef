"""`SinusoidalEmbedding` with the library loaded, against numpy and exact fractions."""

import numpy as np
import pytest
import rotary_table as table
import sinusoidal


@pytest.mark.parametrize("positions", table.TYPES)
@pytest.mark.parametrize("dtype", sinusoidal.TYPES)
@pytest.mark.parametrize("case", sinusoidal.CASES, ids=str)
def test_types(session, positions, dtype, case):
    attributes, shape = case
    made = session(sinusoidal.single(attributes, positions, dtype))
    for count in (1, 6, 64):
        feeds = sinusoidal.inputs(shape, count, positions, dtype)
        expected = sinusoidal.reference(**feeds, **attributes)
        sinusoidal.assert_close(sinusoidal.run(made, feeds), expected, dtype, 2 * abs(attributes.get("amplitude", 1)))


@pytest.mark.parametrize("dtype", sinusoidal.TYPES)
def test_constant_frequencies(session, dtype):
    feeds = sinusoidal.inputs([2, 9], 7, dtype=dtype)
    made = session(sinusoidal.single(dtype=dtype, constants=feeds["frequencies"]))
    assert len(made.get_inputs()) == 1
    for _ in range(2):
        sinusoidal.assert_close(sinusoidal.run(made, feeds), sinusoidal.reference(**feeds), dtype)


def test_the_angle_is_that_of_the_graph(session):
    """Without `precise` the product is rounded, as `Mul` rounds it: exactly, not about."""
    feeds = sinusoidal.inputs([4000], 16, highest=2**24)
    got = sinusoidal.run(session(sinusoidal.single()), feeds)
    expected = sinusoidal.reference(**feeds)
    assert (np.abs(got - expected) <= np.spacing(np.abs(expected).astype(np.float32))).all()


def test_precise_at_the_largest_positions(session):
    feeds = sinusoidal.inputs([500], 16, highest=2**31)
    feeds["positions"][:3] = 2**31 - 1, 2**31, 2**31 - 2
    feeds["frequencies"][0] = 1
    got = sinusoidal.run(session(sinusoidal.single(dict(precise=1))), feeds)
    expected = sinusoidal.reference(**feeds, precise=1)
    assert (np.abs(got - expected) <= np.spacing(np.abs(expected).astype(np.float32))).all()


@pytest.mark.parametrize("attributes", [dict(), dict(width=5, interleaved=1, padding_position=1)], ids=str)
@pytest.mark.parametrize("shape, count", [([0], 4), ([2, 0], 4), ([0, 3], 4), ([3], 0)], ids=str)
def test_empty(session, attributes, shape, count):
    feeds = sinusoidal.inputs(shape, count)
    got = sinusoidal.run(session(sinusoidal.single(attributes)), feeds)
    assert got.shape == (*shape, attributes.get("width", 2 * count))
    assert not got.any()


@pytest.mark.parametrize("attributes", [dict(), dict(interleaved=1, width=129, padding_position=2)], ids=str)
def test_large_on_several_threads(session, attributes):
    feeds = sinusoidal.inputs([2, 4096], 64)
    several = sinusoidal.run(session(sinusoidal.single(attributes), threads=4), feeds)
    sinusoidal.assert_close(several, sinusoidal.reference(**feeds, **attributes), "float")
    assert np.array_equal(several, sinusoidal.run(session(sinusoidal.single(attributes)), feeds))


@pytest.mark.parametrize(
    "rank, count, width, expected",
    [
        (2, 8, 0, ["p_0", "p_1", 16]),
        (1, "f", 0, None),
        (1, "f", 9, ["p_0", 9]),
        (3, 8, 9, ["p_0", "p_1", "p_2", 9]),
        (3, None, 0, None),
        (None, 8, 0, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float", "float16", "double"])
@pytest.mark.parametrize("positions", ["int64", "float"])
def test_shapes_are_inferred(session, rank, count, width, expected, dtype, positions):
    made = sinusoidal.single(dict(width=width), positions, dtype, rank=rank)
    dim = made.graph.input[1].type.tensor_type.shape.dim.add()
    if isinstance(count, str):
        dim.dim_param = count
    elif count is not None:
        dim.dim_value = count
    for output in session(made).get_outputs():
        assert output.shape == expected if expected else output.shape in ([], None)


@pytest.mark.parametrize(
    "attributes, shape, frequencies, words",
    [
        ({}, [3], [], "frequencies [] has rank 0, expected 1"),
        ({}, [3], [1, 4], "frequencies [1, 4] has rank 2, expected 1"),
        ({}, [1] * 16, [4], "positions has rank 16, expected at most 15"),
        ({"width": 2**62}, [8], [4], "and `width` 4611686018427387904 has more elements than can be addressed"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(session, attributes, shape, frequencies, words):
    feeds = {"positions": np.zeros(shape, np.int64), "frequencies": np.zeros(frequencies, np.float32)}
    with pytest.raises(Exception) as error:
        sinusoidal.run(session(sinusoidal.single(attributes)), feeds)
    assert words in str(error.value) and "sinusoidal_0" in str(error.value), error.value
    assert type(error.value).__name__ == "InvalidArgument", type(error.value)


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"precise": 2}, "attribute `precise` is 2, expected 0 or 1"),
        ({"interleaved": -1}, "attribute `interleaved` is -1, expected 0 or 1"),
        ({"width": -3}, "attribute `width` is -3, expected 0 (two per frequency) or a number of channels"),
        ({"padding_position": -2}, "attribute `padding_position` is -2, expected -1 (none) or a position below 2^53"),
        ({"padding_position": 2**53}, "attribute `padding_position` is 9007199254740992"),
        ({"amplitude": 1}, "attribute `amplitude` is not a float"),
        ({"cos_first": 0.5}, "attribute `cos_first` is not an integer"),
    ],
    ids=str,
)
def test_attributes_that_make_no_sense(session, attributes, words):
    with pytest.raises(Exception) as error:
        session(sinusoidal.single(attributes))
    assert words in str(error.value), error.value
