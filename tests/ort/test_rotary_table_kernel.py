"""`RotaryTable` with the library loaded, against numpy and exact fractions."""

import numpy as np
import pytest
import rotary_table as table

CASES = [
    (dict(), [2, 7], False),
    (dict(amplitude=1.25), [9], False),
    (dict(precise=1), [2, 3, 2], False),
    (dict(precise=1, amplitude=0.5), [], False),
    (dict(), [3, 2, 5], True),
    (dict(axis=-1, precise=1), [4, 2], True),
    (dict(axis=1, amplitude=2.0), [2, 3, 4], True),
]


@pytest.mark.parametrize("positions", table.TYPES)
@pytest.mark.parametrize("dtype", table.TABLES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_types(session, positions, dtype, case):
    attributes, shape, several = case
    axis = attributes.get("axis", 0) if several else None
    for width in (1, 6, 64):
        feeds = table.inputs(shape, width, positions, dtype, axis=axis)
        made = session(table.single(attributes, positions, dtype))
        expected = table.reference(**feeds, **attributes)
        table.assert_close(table.run(made, feeds), expected, dtype, 2 * attributes.get("amplitude", 1))


@pytest.mark.parametrize("dtype", table.TABLES)
def test_constant_frequencies(session, dtype):
    feeds = table.inputs([2, 9], 7, table=dtype)
    made = session(table.single(table=dtype, constants=feeds["frequencies"]))
    assert len(made.get_inputs()) == 1
    table.assert_close(table.run(made, feeds), table.reference(**feeds), dtype)


def test_the_angle_is_that_of_the_graph(session):
    """Without `precise` the product is rounded, as `Mul` rounds it: exactly, not about."""
    feeds = table.inputs([4000], 16, highest=2**24)
    got = table.run(session(table.single()), feeds)
    for g, e in zip(got, table.reference(**feeds), strict=True):
        assert (np.abs(g - e) <= np.spacing(np.abs(e).astype(np.float32))).all()


def test_precise_at_the_largest_positions(session):
    feeds = table.inputs([500], 16, highest=2**31)
    feeds["positions"][:3] = 2**31 - 1, 2**31, 2**31 - 2
    feeds["frequencies"][0] = 1
    got = table.run(session(table.single(dict(precise=1))), feeds)
    for g, e in zip(got, table.reference(**feeds, precise=1), strict=True):
        assert (np.abs(g - e) <= np.spacing(np.abs(e).astype(np.float32))).all()


@pytest.mark.parametrize("shape", [[0], [2, 0], [0, 3]], ids=str)
def test_empty(session, shape):
    got = table.run(session(table.single()), table.inputs(shape, 4))
    assert [g.shape for g in got] == [(*shape, 4)] * 2


def test_large_on_several_threads(session):
    feeds = table.inputs([3, 2, 4096], 64, axis=0)
    several = table.run(session(table.single(), threads=4), feeds)
    table.assert_close(several, table.reference(**feeds), "float")
    for a, b in zip(several, table.run(session(table.single()), feeds), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "rank, width, streams, axis, expected",
    [
        (2, 8, None, 0, ["p_0", "p_1", 8]),
        (1, "f", None, 0, ["p_0", "f"]),
        (3, 8, "p_0", 0, ["p_1", "p_2", 8]),
        (3, 8, 3, -1, ["p_0", "p_1", 8]),
        (3, None, None, 0, None),
        (None, 8, None, 0, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", table.TABLES)
@pytest.mark.parametrize("positions", ["int64", "float"])
def test_shapes_are_inferred(session, rank, width, streams, axis, expected, dtype, positions):
    made = table.single(dict(axis=axis), positions, dtype, rank=rank)
    for size in [streams, width] if streams else [width]:
        dim = made.graph.input[1].type.tensor_type.shape.dim.add()
        if isinstance(size, str):
            dim.dim_param = size
        elif size is not None:
            dim.dim_value = size
    for output in session(made).get_outputs():
        assert output.shape == expected if expected else output.shape in ([], None)


@pytest.mark.parametrize(
    "attributes, shape, frequencies, words",
    [
        ({}, [2, 5], [3, 4], "axis 0 of positions [2, 5] is 2, expected 3"),
        ({"axis": 2}, [3, 5], [3, 4], "`axis` is 2, but positions [3, 5] has rank 2"),
        ({}, [3], [], "frequencies [] has rank 0, expected 1 or 2"),
        ({}, [3], [1, 3, 4], "has rank 3"),
        ({}, [1] * 16, [4], "expected at most 16"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(session, attributes, shape, frequencies, words):
    feeds = {"positions": np.zeros(shape, np.int64), "frequencies": np.zeros(frequencies, np.float32)}
    with pytest.raises(Exception) as error:
        table.run(session(table.single(attributes)), feeds)
    assert words in str(error.value) and "table_0" in str(error.value), error.value
    assert type(error.value).__name__ == "InvalidArgument", type(error.value)


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"precise": 2}, "attribute `precise` is 2, expected 0 or 1"),
        ({"amplitude": 1}, "attribute `amplitude` is not a float"),
        ({"amplitude": [1.0]}, "attribute `amplitude` is not a float"),
        ({"axis": 0.5}, "attribute `axis` is not an integer"),
    ],
    ids=str,
)
def test_attributes_that_make_no_sense(session, attributes, words):
    with pytest.raises(Exception) as error:
        session(table.single(attributes))
    assert words in str(error.value), error.value
