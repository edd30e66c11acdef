"""Attention computes the same fused as before, for sizes from 0, masks that leave rows without a key, and fewer queries than keys; what
only looks like it stays, with a reason that names what is different.
"""
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from conftest import LIBRARY, PHASOR, ROOT, VERSION, readable, session

sys.path.insert(0, str(ROOT / "benches"))
from relative_models import Graph  # noqa: E402

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL
LOWEST = float(np.finfo(np.float32).min)
# Batch, queries and keys.
SIZES = [(2, 3, 5), (1, 1, 1), (3, 5, 5), (2, 1, 7), (1, 4, 2), (2, 3, 0), (1, 0, 3), (0, 2, 2)]
HEADS, CHANNELS, WINDOWS = 4, 8, 3
TOLERANCE = 2e-5


class Attending(Graph):
    """Queries, keys and values of a graph, and what attention does with them."""

    def __init__(self, batch="B", queries="S", keys="T"):
        super().__init__()
        shapes = {"q": queries, "k": keys, "v": keys}
        self.q, self.k, self.v = (self.input(name, [batch, HEADS, size, CHANNELS]) for name, size in shapes.items())

    def scores(self):
        return self("MatMul", self.q, self("Transpose", self.k, perm=[0, 1, 3, 2]))

    def shown(self):
        return self.input("shown", ["B", 1, "S", "T"], BOOL)

    def softmax(self, scores):
        return self("Softmax", scores, axis=-1)

    def sums(self, probabilities):
        return self("MatMul", probabilities, self.v)

    def finished(self, scores):
        return self.sums(self.softmax(scores))

    def hiding(self, condition, fill=LOWEST):
        return self("Where", condition, 0.0, fill)

    def places(self):
        """The place of each query, as a column, and of each key, both counted from the last."""
        queries, keys = (self("Squeeze", self("Shape", of, start=2, end=3)) for of in (self.q, self.k))
        rows = self("Add", self("Range", 0, queries, 1), self("Sub", keys, queries))
        return self("Reshape", rows, [-1, 1]), self("Range", 0, keys, 1)


def factor_of_heads(g):
    return g.finished(g("Mul", g.scores(), g.input("factor", [HEADS, 1, 1])))


def divisor_of_queries(g):
    return g.finished(g("Div", g.scores(), g.input("factor", [1, "S", 1])))


def bias_that_is_scaled(g):
    return g.finished(g("Mul", g("Add", g.scores(), g.input("bias", ["B", 1, "S", "T"])), 0.35))


def bias_that_is_subtracted_and_scaled(g):
    scores = g("Mul", g.scores(), 0.5)
    return g.finished(g("Mul", -0.7, g("Sub", scores, g.input("bias", ["B", 1, 1, "T"]))))


def causal_and_padding(g, fill=LOWEST):
    row, column = g.places()
    padding = g.hiding(g.input("shown", ["B", 1, 1, "T"], BOOL), fill)
    return g.finished(g("Add", g("Add", g.scores(), g.hiding(g("LessOrEqual", column, row), fill)), padding))


def infinite_causal_and_padding(g):
    return causal_and_padding(g, -np.inf)


def window(g):
    row, column = g.places()
    near = g("LessOrEqual", g("Abs", g("Sub", row, column)), 1)
    return g.finished(g("Add", g.scores(), g.hiding(g("And", near, g.shown()))))


def causal_window(g):
    row, column = g.places()
    near = g("And", g("LessOrEqual", column, row), g("Greater", column, g("Sub", row, 2)))
    return g.finished(g("Where", g("And", near, g.shown()), g.scores(), LOWEST))


def outweighed_window(g):
    row, column = g.places()
    near = g("LessOrEqual", g("Abs", g("Sub", row, column)), 1)
    biased = g("Add", g.scores(), g.hiding(near, -1e31))
    return g.finished(g("Add", biased, g("Mul", g.input("bias", ["B", 1, 1, "T"]), 1e32)))


def choice_spelled_with_numbers(g, other=None):
    shown = g.shown()
    kept, filled = (g("Cast", of, to=FLOAT) for of in (shown, g("Not", other or shown)))
    return g.finished(g("Add", g("Mul", kept, g.scores()), g("Mul", -2.37e38, filled)))


def masks_that_repeat(g, apart=(-1, WINDOWS, HEADS, 9, 9)):
    scores = g("Reshape", g("Add", g.scores(), g.table(1, HEADS, 9, 9)), list(apart))
    masks = g.table(*(1 if size == -1 else size for size in apart[:2]), 1, 9, 9)
    return g.finished(g("Reshape", g("Add", scores, masks), [-1, HEADS, 9, 9]))


def queries_before_heads(g):
    turned = [g("Transpose", of, perm=[0, 2, 1, 3]) for of in (g.q, g.k, g.v)]
    scores = g("Einsum", *turned[:2], equation="bsnd,btnd->bnst")
    return g("Einsum", g.softmax(scores), turned[2], equation="bnst,btne->bsne")


def size_of_probabilities(g):
    probabilities = g.softmax(g.scores())
    return g.sums(g("Reshape", probabilities, g("Shape", probabilities), allowzero=1))


FUSED = {
    factor_of_heads: {},
    divisor_of_queries: {},
    bias_that_is_scaled: {},
    bias_that_is_subtracted_and_scaled: {},
    causal_and_padding: {"causal": 1},
    infinite_causal_and_padding: {"causal": 1},
    window: {"window_left": 1, "window_right": 1},
    causal_window: {"causal": 1, "window_left": 1},
    outweighed_window: {},
    choice_spelled_with_numbers: {},
    masks_that_repeat: {},
    queries_before_heads: {},
    size_of_probabilities: {},
}
WINDOWED = {masks_that_repeat}
# ONNX Runtime's Einsum ends the process where there are no keys.
NOT_EMPTY = {queries_before_heads}


def factor_of_keys(g):
    return g.finished(g("Mul", g.scores(), g.input("factor", [1, 1, 1, "T"])))


def gates(g):
    scores = g.scores()
    return g.finished(g("Mul", scores, g("Sigmoid", scores)))


def factor_of_a_size_of_its_own(g):
    return g.finished(g("Mul", g.scores(), g.input("factor", ["B", 1, "S", "U"])))


def choice_by_two_conditions(g):
    return choice_spelled_with_numbers(g, g.input("other", ["B", 1, "S", "T"], BOOL))


def masks_in_another_order(g):
    return masks_that_repeat(g, (WINDOWS, -1, HEADS, 9, 9))


def values_of_queries(g):
    values = g.input("values", ["B", HEADS, "S", "T", CHANNELS])
    return g("Einsum", g.softmax(g.scores()), values, equation="bnst,bnste->bnse")


def probabilities_masked(g):
    shown = g.shown()
    return g.sums(g("Where", shown, g.softmax(g("Where", shown, g.scores(), LOWEST)), 0.0))


def sinks(g):
    scores = g.scores()
    joined = g("Concat", scores, g("ReduceMax", scores, [-1], keepdims=1), axis=-1)
    return g.sums(g("Slice", g.softmax(joined), [0], [-1], [3]))


def rounded_probabilities(g):
    step = (np.float32(1 / 255), np.uint8(0))
    return g.sums(g("DequantizeLinear", g("QuantizeLinear", g.softmax(g.scores()), *step), *step))


STAYING = {
    factor_of_keys: "the scores are multiplied by a tensor that is not the same for all keys",
    gates: "the scores are multiplied by a tensor that is not the same for all keys",
    factor_of_a_size_of_its_own: "the scores are multiplied by a tensor that is not the same for all keys",
    choice_by_two_conditions: "the scores are multiplied by a tensor that is not the same for all keys",
    masks_in_another_order: "does not lie along batch, heads, queries and keys",
    values_of_queries: "no tensor of the graph holds the values",
    probabilities_masked: "some probabilities are replaced after the softmax",
    sinks: "attention sinks",
    rounded_probabilities: "the probabilities pass through `QuantizeLinear`",
}
WINDOWED.add(masks_in_another_order)


def written(make, path):
    """The model of a case."""
    g = Attending("R", 9, 9) if make in WINDOWED else Attending()
    g.outputs.append(helper.make_tensor_value_info(make(g), FLOAT, None))
    onnx.save(g.model(), str(path))
    return path


def fused(path, out):
    command = [PHASOR, "fuse", str(path), "-o", str(out), "--no-verify", "--select", "attention", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done, json.loads(done.stdout)


def feeds(model, sizes):
    random = np.random.default_rng(sum(sizes))
    names = dict(zip("BST", sizes), R=WINDOWS * sizes[0], U=sizes[2])
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [dim.dim_value if dim.HasField("dim_value") else names[dim.dim_param] for dim in tensor.shape.dim]
        drawn = random.standard_normal(shape)
        yield value.name, drawn > 0 if tensor.elem_type == BOOL else (2 * drawn).astype(np.float32)


@pytest.mark.parametrize("make", FUSED, ids=lambda make: make.__name__)
def test_fused_attention_computes_the_same(make, tmp_path):
    original, out = written(make, tmp_path / "model.onnx"), tmp_path / "fused.onnx"
    done, _ = fused(original, out)
    assert done.returncode == 0, done.stderr
    nodes = [node for node in onnx.load(str(out)).graph.node if node.domain == "ai.phasor"]
    assert [node.op_type for node in nodes] == ["Attention"]
    attributes = {attribute.name: attribute.i for attribute in nodes[0].attribute}
    promised = {name: number for name, number in attributes.items() if name == "causal" and number or name.startswith("window") and number >= 0}
    assert promised == FUSED[make]
    before = session(readable(original, tmp_path))
    after = [session(readable(out, tmp_path), library) for library in (LIBRARY, None)]
    is_old = VERSION < (1, 32)
    ran = 0
    for sizes in SIZES:
        # Releases before 1.32 leave a product over nothing as the memory was.
        if (make in NOT_EMPTY and 0 in sizes) or (is_old and sizes[2] == 0):
            continue
        given = dict(feeds(onnx.load(str(original)), sizes))
        try:
            want = before.run(None, given)[0]
        except Exception:
            # Such as a mask of one key where there are none.
            continue
        ran += 1
        for got in (fused.run(None, given)[0] for fused in after):
            assert got.shape == want.shape
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
            scale = np.nanmax(np.abs(want), initial=1)
            assert np.nanmax(np.abs(got - want), initial=0) <= TOLERANCE * scale, sizes
    assert ran >= 4


@pytest.mark.parametrize("make", STAYING, ids=lambda make: make.__name__)
def test_what_is_no_attention_stays(make, tmp_path):
    done, report = fused(written(make, tmp_path / "model.onnx"), tmp_path / "fused.onnx")
    reasons = [refusal["reason"] for refusal in report["refusals"] if refusal["rule"] == "attention"]
    assert done.returncode == 0 and not report["sites"], done.stderr
    assert len(reasons) == 1 and STAYING[make] in reasons[0], reasons
