"""Sinusoidal embeddings drawn at random: spellings, and changes of them that round or compute something else. Such a graph may stay. If it
is fused, it computes the same at any positions, by kernels and by function bodies.
"""
import random
import subprocess

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented

from conftest import LIBRARY, PHASOR, count, readable, session
from test_targets import Graph

GRAPHS = 150
TYPES = {
    TensorProto.INT64: np.int64,
    TensorProto.INT32: np.int32,
    TensorProto.INT8: np.int8,
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
}
# First positions: usual ones, below zero, beyond what `float` counts, and at the ends of `int32`.
STARTS = (0, -1000, 2**24 - 5, 2**31 - 100, -2**31)
# What the sines of both models, and their factors, may differ by.
TOLERANCE = {np.float32: 4e-7, np.float64: 1e-15}
# Beyond this level ONNX Runtime itself rounds angles elsewhere: it joins a `Mul` with the `MatMul` after it.
BASIC = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
# Angles that function bodies reduce exactly.
REACH = 2**33


class Drawn:
    """A graph of one seed."""

    def __init__(self, seed):
        self.random, self.divides = random.Random(seed), False
        # The largest factor between positions and angles, and that of sines.
        self.speed = self.factor = 1.0
        self.float = self.random.choice([np.float32] * 3 + [np.float64])
        self.type = TensorProto.FLOAT if self.float is np.float32 else TensorProto.DOUBLE
        self.g = Graph(self.type)
        self.rank = self.random.choice([0, 1, 2])
        self.positions = self.random.choice([TensorProto.INT64, *TYPES])
        pairs = self.random.choice([2, 3, 8])
        column = self.column(self.g.input("positions", ["B", "S"][: self.rank], self.positions))
        sine, cosine = self.waves(column, pairs)
        y = self.row(sine, cosine, pairs)
        longer = self.chance(0.2)
        self.g.output(self.g.op("Unsqueeze", y, [0]) if longer else y, rank=self.rank + 1 + longer)

    def chance(self, of):
        return self.random.random() < of

    def number(self, *of):
        return self.float(self.random.choice(of))

    def faster(self, *of):
        """A factor of positions or angles."""
        number = self.number(*of)
        self.speed *= abs(float(number))
        return number

    def column(self, p):
        """Positions as floats, with an axis for the channels."""
        g = self.g
        if self.positions == TensorProto.INT64 and self.chance(0.3):
            self.speed *= 3
            p = g.op(self.random.choice(["Add", "Mul"]), p, np.int64(self.random.choice([1, 3])))
        if self.chance(0.1):
            p = g.op("Cast", p, to=TensorProto.FLOAT16)
        early = self.chance(0.5)
        p = g.op("Unsqueeze", p, [-1]) if early else p
        p = g.op("Cast", p, to=self.type)
        p = p if early else g.op("Unsqueeze", p, [-1])
        if self.chance(0.2):
            p = g.op("Mul", p, self.faster(0.5, 3.0, 1000.0))
        if self.chance(0.1):
            p = g.op("Add", p, self.number(0.3))
        return g.op("Neg", p) if self.chance(0.1) else p

    def waves(self, column, pairs):
        """Sines and cosines, now and then of other angles."""
        g = self.g
        frequencies = (10000.0 ** (-np.arange(pairs) / pairs) * self.faster(1.0, 6.28, 0.1)).astype(self.float)
        way = self.random.choice(["Mul", "Mul", "Div", "MatMul"])
        if way == "Div":
            self.divides = True
            angle = g.op("Div", column, (1 / frequencies).astype(self.float))
        elif way == "MatMul" and self.rank > 0:
            angle = g.op("MatMul", column, frequencies[None])
        else:
            angle = g.op("Mul", *self.random.choice([(column, frequencies), (frequencies, column)]))
        if self.chance(0.1):
            angle = g.op("Mul", angle, self.faster(1.0, -1.0, 3.0))
        if self.chance(0.1):
            angle = g.op("Add", angle, self.number(0.0, 0.3))
        other = g.op("Mul", column, frequencies * self.float(1.5)) if self.chance(0.1) else angle
        sine, cosine = g.op("Sin", angle), g.op("Cos", other)
        return [g.op("Neg", wave) if self.chance(0.15) else wave for wave in (sine, cosine)]

    def row(self, sine, cosine, pairs):
        """All channels, in either layout, and what may be done to them."""
        g = self.g
        waves = self.random.choice([(sine, cosine), (cosine, sine)])
        if self.chance(0.5):
            y = g.op("Concat", *waves, axis=-1)
        else:
            y = g.op("Concat", *(g.op("Unsqueeze", wave, [-1]) for wave in waves), axis=-1)
            y = g.op("Reshape", y, [0] * self.rank + [-1])
        if self.chance(0.2):
            y = g.op("Concat", g.slice(y, pairs, 2**31), g.slice(y, 0, pairs), axis=-1)
        if self.chance(0.2):
            y = g.slice(y, 0, 2 * pairs - 1)
        elif self.chance(0.2):
            y = g.op("Pad", y, [0] * (2 * self.rank + 1) + [2])
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.factor *= 3.3
            y = g.op("Mul", y, self.number(0.7, -2.0, 3.3))
        return y

    def inputs(self, start, shape):
        """Positions from there, as far as their type holds them."""
        dtype, count = TYPES[self.positions], int(np.prod(shape))
        step = 1 if np.dtype(dtype).kind == "i" else 0.7
        start = np.clip(start, -128, 100) if dtype is np.int8 else start
        return (start + step * np.arange(count, dtype=np.float64)).astype(dtype).reshape(shape)

    def allowed(self, positions):
        """The difference that rounding explains; `None` where an angle is too large for a function body."""
        angle = self.speed * float(np.abs(positions.astype(np.float64)).max(initial=0))
        if angle > REACH:
            return None
        # A quotient and a product with a reciprocal differ by roundings of the angle.
        return TOLERANCE[self.float] * self.factor * (1 + (angle if self.divides else 0))


def outputs(session, positions):
    """What a model computes; `None` where it does not run, as a reshape of no rows."""
    try:
        return session.run(None, {"positions": positions})[0].astype(np.float64)
    except Exception:
        return None


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_what_is_fused_computes_the_same(tmp_path, seed):
    drawn = Drawn(seed)
    path, fused = tmp_path / "model.onnx", tmp_path / "fused.onnx"
    onnx.save(drawn.g.model(18), str(path))
    subprocess.run([PHASOR, "fuse", str(path), "-o", str(fused), "--no-verify"], check=True, capture_output=True)
    if not count(fused, "SinusoidalEmbedding"):
        return
    try:
        original = session(path, level=BASIC)
    except NotImplemented:
        pytest.skip(f"ONNX Runtime {ort.__version__} has no kernel for sines in double precision")
    news = [session(readable(fused, tmp_path), library, level=BASIC) for library in (LIBRARY, None)]
    for start in STARTS:
        for shape in [(3, 7), (1, 1), (0, 4)]:
            positions = drawn.inputs(start, shape[: drawn.rank])
            want, allowed = outputs(original, positions), drawn.allowed(positions)
            if want is None or allowed is None:
                continue
            for new in news:
                got = outputs(new, positions)
                assert got.shape == want.shape
                assert np.allclose(got, want, rtol=0, atol=allowed, equal_nan=True), (start, shape)


def test_most_are_fused(tmp_path):
    """Otherwise the others show nothing."""
    fused = 0
    for seed in range(40):
        path, new = tmp_path / f"{seed}.onnx", tmp_path / f"{seed}-fused.onnx"
        onnx.save(Drawn(seed).g.model(18), str(path))
        subprocess.run([PHASOR, "fuse", str(path), "-o", str(new), "--no-verify"], check=True, capture_output=True)
        fused += count(new, "SinusoidalEmbedding")
    assert 20 <= fused < 40
