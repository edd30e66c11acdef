"""`RotaryEmbedding` with the library loaded, against numpy."""

import itertools
import threading

import numpy as np
import pytest
import rotary

ATTRIBUTES = [
    dict(interleaved=i, output_interleaved=o, inverse=v) for i, o, v in itertools.product((0, 1), (-1, 0, 1), (0, 1))
]


@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
@pytest.mark.parametrize("width", [8, 16])
def test_types(session, types, width):
    x_type, table_type = types
    feeds = rotary.inputs([2, 3, 5, 16], [5, width], x_type=x_type, table_type=table_type)
    got = rotary.run(session(rotary.single(x_type=x_type, table_type=table_type)), feeds)
    assert got.dtype == (np.float32 if x_type == "bfloat16" else rotary.round_to([0], x_type).dtype)
    rotary.assert_close(got, rotary.reference(**feeds_of(feeds)), x_type)


def feeds_of(feeds):
    return {"x": feeds["X"], "cos": feeds["cos"], "sin": feeds["sin"]}


@pytest.mark.parametrize("attributes", ATTRIBUTES, ids=str)
@pytest.mark.parametrize("part", [(0, 0, 12), (8, 0, 13), (6, 5, 12), (0, 3, 11)], ids=str)
def test_attributes(session, attributes, part):
    rotary_dim, rotary_offset, channels = part
    attributes = {**attributes, "rotary_dim": rotary_dim, "rotary_offset": rotary_offset}
    rotated = rotary_dim or channels - rotary_offset
    for width in (rotated // 2, rotated):
        feeds = rotary.inputs([2, 3, 4, channels], [2, 1, 4, width])
        got = rotary.run(session(rotary.single(attributes)), feeds)
        rotary.assert_close(got, rotary.reference(**feeds_of(feeds), **attributes), "float")


@pytest.mark.parametrize(
    "shapes",
    [
        ([8], [4], [4]),
        ([3, 8], [1, 4], [3, 4]),
        ([2, 4, 3, 8], [2, 4, 1, 4], [2, 4, 1, 4]),
        ([2, 3, 4, 8], [1, 1, 4, 8], [2, 1, 4, 8]),
        ([4, 2, 3, 8], [4, 1, 1, 4], [4, 1, 3, 4]),
        ([2, 3, 2, 2, 8], [3, 1, 2, 4], [1, 1, 1, 1, 4]),
        ([2, 0, 4, 8], [4, 4], [4, 4]),
        ([2, 3, 0], [0], [0]),
    ],
    ids=str,
)
def test_broadcasts(session, shapes):
    feeds = rotary.inputs(*shapes)
    got = rotary.run(session(rotary.single()), feeds)
    assert list(got.shape) == shapes[0]
    rotary.assert_close(got, rotary.reference(**feeds_of(feeds)), "float")


@pytest.mark.parametrize("types", [("float", "float"), ("float16", "float"), ("bfloat16", "bfloat16")], ids="-".join)
def test_constant_tables(session, types):
    x_type, table_type = types
    feeds = rotary.inputs([2, 3, 5, 16], [5, 8], x_type=x_type, table_type=table_type)
    tables = {k: feeds[k] for k in ("cos", "sin")}
    made = session(rotary.single(x_type=x_type, table_type=table_type, constants=tables))
    assert len(made.get_inputs()) == 1
    rotary.assert_close(rotary.run(made, feeds), rotary.reference(**feeds_of(feeds)), x_type)


@pytest.mark.parametrize("attributes", [{}, {"interleaved": 1}, {"interleaved": 1, "output_interleaved": 0}], ids=str)
@pytest.mark.parametrize("x_type", ["float", "float16"])
def test_chain_in_place(session, attributes, x_type):
    nodes = [([f"h{i}" if i else "X", "cos", "sin"], f"h{i + 1}", attributes) for i in range(6)]
    feeds = rotary.inputs([1, 4, 33, 64], [33, 32], x_type=x_type)
    x = feeds["X"]
    for _ in nodes:
        x = rotary.round_to(rotary.reference(x, feeds["cos"], feeds["sin"], **attributes), x_type)
    got = rotary.run(session(rotary.model(nodes, x_type=x_type), threads=2), feeds)
    rotary.assert_close(got, np.asarray(x, np.float64), x_type, times=8 * np.abs(x).max())


def test_input_used_elsewhere_is_not_overwritten(session):
    """h is rotated twice: neither node may take its place before the other has read it."""
    nodes = [
        (["X", "cos", "sin"], "h", {}),
        (["h", "cos", "sin"], "a", {}),
        (["a", "cos", "sin"], "b", {"inverse": 1}),
        (["h", "cos", "sin"], "c", {"interleaved": 1}),
    ]
    made = rotary.model(nodes)
    made.graph.output.add().CopyFrom(made.graph.output[0])
    made.graph.output[1].name = "b"
    feeds = rotary.inputs([2, 7, 16], [7, 8])
    cos, sin = feeds["cos"], feeds["sin"]
    c, b = session(made).run(None, feeds)
    h = rotary.reference(feeds["X"], cos, sin)
    rotary.assert_close(c, rotary.reference(h, cos, sin, interleaved=1), "float", times=4)
    back = rotary.reference(rotary.reference(h, cos, sin), cos, sin, inverse=1)
    rotary.assert_close(b, back, "float", times=8)


def test_large_on_several_threads(session):
    feeds = rotary.inputs([2, 16, 500, 128], [500, 128])
    got = rotary.run(session(rotary.single(), threads=4), feeds)
    rotary.assert_close(got, rotary.reference(**feeds_of(feeds)), "float")
    alone = rotary.run(session(rotary.single(), threads=1), feeds)
    assert np.array_equal(got, alone)


def test_concurrent_runs_of_one_session(session):
    made = session(rotary.single(), threads=2)
    cases = []
    for seed in range(4):
        feeds = rotary.inputs([1, 8, 40 + seed, 64], [40 + seed, 32], seed=seed)
        cases.append((feeds, rotary.reference(**feeds_of(feeds))))
    failures = []

    def work(feeds, expected):
        try:
            for _ in range(50):
                rotary.assert_close(rotary.run(made, feeds), expected, "float")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=case) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("types", rotary.COMBINATIONS, ids="-".join)
def test_shapes_are_inferred(session, rank, types):
    made = session(rotary.single(rank=rank, x_type=types[0], table_type=types[1]))
    assert made.get_outputs()[0].shape == [f"X_{i}" for i in range(rank)]
    assert session(rotary.single()).get_outputs()[0].shape in ([], None)
