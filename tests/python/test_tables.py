"""Tables of sinusoids at real widths, as libraries compute them: on request the rows are computed, by kernels and by function bodies, and
differ from the table's by a rounding of 1.
"""
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from conftest import LIBRARY, PHASOR, count, readable, session
from test_targets import Graph

# Half of the distance from 1 to the next larger number of float, for the table and for the operator each.
TOLERANCE = 2.0**-23


def halves(sines, cosines):
    return np.concatenate([sines, cosines], axis=1)


def woven(sines, cosines):
    return np.stack([sines, cosines], axis=2).reshape(len(sines), -1)


def fairseq():
    """1026 rows of 1024 channels, of angles in float; the row of the padding token is zero."""
    frequencies = np.exp(np.arange(512, dtype=np.float32) * np.float32(-np.log(10000) / 511)).astype(np.float32)
    angles = np.arange(1026, dtype=np.float32)[:, None] * frequencies
    table = halves(np.sin(angles), np.cos(angles))
    table[1] = 0
    return table


def whisper():
    """1500 rows of 768 channels, of angles in float."""
    frequencies = np.exp(np.float32(-np.log(10000) / 383) * np.arange(384, dtype=np.float32))
    angles = np.arange(1500, dtype=np.float32)[:, None] * frequencies
    return halves(np.sin(angles), np.cos(angles))


def tutorial():
    """2048 rows of 512 channels in turn, of angles in float."""
    frequencies = np.exp(np.arange(0, 512, 2, dtype=np.float32) * np.float32(-np.log(10000) / 512))
    angles = np.arange(2048, dtype=np.float32)[:, None] * frequencies
    return woven(np.sin(angles), np.cos(angles))


def marian():
    """512 rows of 512 channels, of angles in double."""
    angles = np.arange(512)[:, None] / 10000 ** (2 * (np.arange(256)) / 512)
    return halves(np.sin(angles), np.cos(angles)).astype(np.float32)


def gathered(g, table):
    return g.op("Gather", table, g.input("ids", ["B", "S"], TensorProto.INT64))


def sliced(g, table):
    x = g.input("x", ["B", "S", table.shape[1]])
    return g.op("Add", x, g.op("Slice", table[None], [0], g.op("Shape", x, start=1, end=2), [1]))


def added(g, table):
    return g.op("Add", g.input("x", ["B", *table.shape]), table)


CASES = {
    "fairseq": (fairseq, gathered),
    "whisper": (whisper, added),
    "tutorial": (tutorial, sliced),
    "marian": (marian, gathered),
}


def fused(tmp_path, table, read):
    """The paths of a model and of what is made of it."""
    g = Graph()
    g.output(read(g, table), rank=3)
    path, new = tmp_path / "model.onnx", tmp_path / "fused.onnx"
    onnx.save(g.model(18), str(path))
    command = [PHASOR, "fuse", str(path), "-o", str(new), "--tables-to-compute", "--engine", "tract"]
    subprocess.run(command, check=True, capture_output=True)
    return path, new


@pytest.mark.parametrize("name", CASES)
def test_rows_are_computed(tmp_path, name):
    make, read = CASES[name]
    table = make()
    path, new = fused(tmp_path, table, read)
    assert count(new, "SinusoidalEmbedding") == 1
    assert new.stat().st_size < 40_000 < path.stat().st_size
    rows, channels = table.shape
    original = session(path)
    for library in (LIBRARY, None):
        computed = session(readable(new, tmp_path), library)
        for length in (0, 1, 77):
            if read is gathered:
                feeds = {"ids": np.random.default_rng(length).integers(-rows, rows, (2, length))}
            else:
                feeds = {"x": np.zeros((2, rows if read is added else length, channels), np.float32)}
            got, want = (s.run(None, feeds)[0] for s in (computed, original))
            assert got.shape == want.shape and np.abs(got - want).max(initial=0) <= TOLERANCE


def test_positions_beyond_the_table_are_embedded(tmp_path):
    path, new = fused(tmp_path, marian(), gathered)
    ids = {"ids": np.int64([[600]])}
    with pytest.raises(InvalidArgument):
        session(path).run(None, ids)
    row = session(new, LIBRARY).run(None, ids)[0]
    assert np.allclose(row[0, 0, [0, 256]], [np.sin(600), np.cos(600)], atol=TOLERANCE)


def test_one_number_is_another(tmp_path):
    table = whisper()
    table[1499, 3] += 1e-6
    path, new = fused(tmp_path, table, added)
    assert new.read_bytes() == path.read_bytes()
