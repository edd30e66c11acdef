"""Heads that are read where a projection wrote them: each packing of queries, keys and values that exporters write becomes nodes
`RotaryHeads` without the nodes in front of them, and computes the same with the library and without; near misses stay."""
import json
import subprocess

import numpy as np
import onnx
import pytest
from conftest import LIBRARY, PHASOR
from onnx import TensorProto, helper, numpy_helper

import onnxruntime as ort

HEADS, KEYS, SIZE, WIDTH = 4, 2, 8, 24
PACKED = (HEADS + 2 * KEYS) * SIZE


class Graph:
    """Nodes of a layer, written one by one."""

    def __init__(self, opset):
        self.opset, self.nodes, self.constants = opset, [], {}

    def ints(self, *values):
        name = "ints_" + "_".join(map(str, values)).replace("-", "m")
        self.constants[name] = np.array(values, np.int64)
        return name

    def weights(self, name, *shape):
        self.constants[name] = np.random.default_rng(len(name)).standard_normal(shape, np.float32)
        return name

    def op(self, kind, *inputs, out=None, outputs=1, **attributes):
        names = out or [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        names = [names] if isinstance(names, str) else names
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"{kind}_{len(self.nodes)}", **attributes))
        return names[0] if len(names) == 1 else names

    def split(self, value, axis, sizes=None, count=None):
        if sizes:
            return self.op("Split", value, self.ints(*sizes), axis=axis, outputs=len(sizes))
        given = {"num_outputs": count} if self.opset >= 18 else {}
        return self.op("Split", value, axis=axis, outputs=count, **given)

    def slice(self, value, start, end, axis, *step):
        return self.op("Slice", value, *(self.ints(n) for n in (start, end, axis, *step)))

    def reshape(self, value, *shape):
        return self.op("Reshape", value, self.ints(*shape))

    def heads_first(self, value):
        return self.op("Transpose", value, perm=[0, 2, 1, 3])

    def rotate(self, x, out):
        low, high = self.slice(x, 0, SIZE // 2, -1), self.slice(x, SIZE // 2, SIZE, -1)
        a, b = self.op("Mul", low, "cos"), self.op("Mul", high, "sin")
        c, d = self.op("Mul", high, "cos"), self.op("Mul", low, "sin")
        return self.op("Concat", self.op("Sub", a, b), self.op("Add", c, d), axis=-1, out=out)

    def model(self, results):
        given = {"hidden": ["batch", "sequence", WIDTH], "cos": ["sequence", SIZE // 2], "sin": ["sequence", SIZE // 2]}
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given.items()]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "layer", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)


def packed(g, width=PACKED):
    return g.op("MatMul", "hidden", g.weights("weights", WIDTH, width))


def finish(g, q, k, v, turn_v=True):
    g.rotate(q, "yq")
    g.rotate(k, "yk")
    g.op("Relu", v, out="yv")
    return g.model(["yq", "yk", "yv"])


def each(g, parts, *counts):
    return [g.heads_first(g.reshape(part, 0, 0, count, SIZE)) for part, count in zip(parts, counts)]


def split_of_the_last_axis(g):
    parts = g.split(packed(g), -1, [HEADS * SIZE, KEYS * SIZE, KEYS * SIZE])
    return finish(g, *each(g, parts, HEADS, KEYS, KEYS))


def equal_split(g):
    parts = g.split(packed(g, 3 * HEADS * SIZE), 2, count=3)
    return finish(g, *each(g, parts, HEADS, HEADS, HEADS))


def slices_of_the_last_axis(g):
    x, ends = packed(g), [0, HEADS * SIZE, (HEADS + KEYS) * SIZE, 2**31]
    parts = [g.slice(x, start, end, 2) for start, end in zip(ends, ends[1:])]
    return finish(g, *each(g, parts, HEADS, KEYS, KEYS))


def slices_from_the_end(g):
    x = packed(g)
    parts = [g.slice(x, -PACKED, -2 * KEYS * SIZE, -1), g.slice(x, -2 * KEYS * SIZE, -KEYS * SIZE, -1), g.slice(x, -KEYS * SIZE, 2**62, -1)]
    return finish(g, *each(g, parts, HEADS, KEYS, KEYS))


def gathers_of_three(g):
    x = g.reshape(packed(g, 3 * HEADS * SIZE), 0, 0, 3, HEADS, SIZE)
    parts = [g.op("Gather", x, f"index_{i}", axis=2) for i in (0, 1, -1)]
    g.constants.update({f"index_{i}": np.array(i, np.int64) for i in (0, 1, -1)})
    return finish(g, *(g.heads_first(part) for part in parts))


def split_of_three(g):
    x = g.reshape(packed(g, 3 * HEADS * SIZE), 0, 0, 3, HEADS, SIZE)
    parts = [g.op("Squeeze", part, g.ints(2)) for part in g.split(x, 2, [1, 1, 1])]
    return finish(g, *(g.heads_first(part) for part in parts))


def split_of_three_in_front(g):
    """As vision models write it: queries, keys and values become the first axis."""
    x = g.reshape(packed(g, 3 * HEADS * SIZE), 0, 0, 3, HEADS, SIZE)
    parts = g.split(g.op("Transpose", x, perm=[2, 0, 3, 1, 4]), 0, [1, 1, 1])
    return finish(g, *(g.op("Squeeze", part, g.ints(0)) for part in parts))


def per_head(g):
    """As GPT-NeoX packs them."""
    x = g.heads_first(g.reshape(packed(g, 3 * HEADS * SIZE), 0, 0, HEADS, 3 * SIZE))
    return finish(g, *g.split(x, -1, [SIZE] * 3))


def slices_per_head(g):
    x = g.heads_first(g.reshape(packed(g, 3 * HEADS * SIZE), 0, 0, HEADS, 3 * SIZE))
    return finish(g, *(g.slice(x, i * SIZE, (i + 1) * SIZE, 3) for i in range(3)))


def separate(g):
    sizes = {"wq": HEADS, "wk": KEYS, "wv": KEYS}
    parts = [g.op("MatMul", "hidden", g.weights(name, WIDTH, count * SIZE)) for name, count in sizes.items()]
    return finish(g, *each(g, parts, HEADS, KEYS, KEYS))


# What is left of the nodes in front: each packing, and how many nodes of which kind stay.
PACKINGS = {
    split_of_the_last_axis: {"Split": 0, "Transpose": 1, "Slice": 1},
    equal_split: {"Split": 0, "Transpose": 1, "Slice": 1},
    slices_of_the_last_axis: {"Transpose": 1, "Slice": 1},
    slices_from_the_end: {"Transpose": 1, "Slice": 1},
    gathers_of_three: {"Gather": 1, "Transpose": 1},
    split_of_three: {"Split": 0, "Squeeze": 1, "Transpose": 1, "Slice": 1},
    split_of_three_in_front: {"Split": 0, "Squeeze": 1, "Transpose": 1, "Slice": 1},
    per_head: {"Split": 0, "Transpose": 1, "Slice": 1},
    slices_per_head: {"Slice": 1, "Transpose": 1},
    separate: {"Transpose": 1},
}


def fuse(model, folder):
    source, target = folder / "model.onnx", folder / "fused.onnx"
    onnx.save(model, source)
    done = subprocess.run([PHASOR, "fuse", source, "-o", target, "--engine", "tract", "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["sites"]) == 2
    return onnx.load(target)


def runs(model, plugin, feeds):
    options = ort.SessionOptions()
    if plugin:
        options.register_custom_ops_library(LIBRARY)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def compare(model, fused):
    random = np.random.default_rng(0)
    for batch, sequence in [(1, 1), (2, 5), (0, 3), (2, 0)]:
        feeds = {name: random.standard_normal((sequence, SIZE // 2), np.float32) for name in ("cos", "sin")}
        feeds["hidden"] = random.standard_normal((batch, sequence, WIDTH), np.float32)
        expected = runs(model, False, feeds)
        for plugin in (False, True):
            for one, other in zip(expected, runs(fused, plugin, feeds), strict=True):
                assert one.shape == other.shape
                assert np.allclose(one, other, atol=1e-5)


def count(model, kind):
    return sum(node.op_type == kind for node in model.graph.node)


@pytest.mark.parametrize("opset", [13, 17, 18, 20])
@pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: packing.__name__)
def test_packings(packing, opset, tmp_path):
    model = packing(Graph(opset))
    fused = fuse(model, tmp_path)
    assert count(fused, "RotaryHeads") == 2 and count(fused, "RotaryEmbedding") == 0
    assert {kind: count(fused, kind) for kind in PACKINGS[packing]} == PACKINGS[packing]
    compare(model, fused)


def test_the_way_back(tmp_path):
    model = split_of_the_last_axis(Graph(17))
    fuse(model, tmp_path)
    plain = tmp_path / "plain.onnx"
    done = subprocess.run([PHASOR, "unfuse", tmp_path / "fused.onnx", "-o", plain, "--engine", "tract"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain = onnx.load(plain)
    assert not any(node.domain for node in plain.graph.node) and not plain.functions
    compare(model, plain)


def read_elsewhere(g):
    parts = g.split(packed(g), -1, [HEADS * SIZE, KEYS * SIZE, KEYS * SIZE])
    g.op("Neg", parts[0], out="other")
    model = finish(g, *each(g, parts, HEADS, KEYS, KEYS))
    model.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, None))
    return model


def values_as_a_result(g):
    parts = g.split(packed(g), -1, [HEADS * SIZE, KEYS * SIZE, KEYS * SIZE])
    q, k = each(g, parts[:2], HEADS, KEYS)
    g.rotate(q, "yq")
    g.rotate(k, "yk")
    return g.model(["yq", "yk", parts[2]])


def backwards(g):
    """Every head is turned round by a slice that walks back."""
    x = packed(g, 2 * HEADS * SIZE)
    parts = [g.slice(g.slice(x, start, start + HEADS * SIZE, 2), -1, -(2**31), 2, -1) for start in (0, HEADS * SIZE)]
    return finish(g, *each(g, parts, HEADS, HEADS), "hidden")


def every_other_channel(g):
    x = packed(g, 4 * HEADS * SIZE)
    parts = [g.slice(x, start, 2**31, 2, 4) for start in (0, 1)]
    return finish(g, *each(g, parts, HEADS, HEADS), "hidden")


# Near misses: how many nodes of which kind stay in front of the sites, and how many read their heads in place.
MISSES = {
    # The transpositions go all the same.
    read_elsewhere: {"Split": 1, "Transpose": 1, "RotaryHeads": 2},
    values_as_a_result: {"Split": 1, "Transpose": 0, "RotaryHeads": 2},
    backwards: {"Slice": 4, "Transpose": 0, "RotaryHeads": 2},
    every_other_channel: {"Slice": 2, "Transpose": 0, "RotaryHeads": 2},
}


@pytest.mark.parametrize("miss", MISSES, ids=lambda miss: miss.__name__)
def test_near_misses(miss, tmp_path):
    model = miss(Graph(17))
    fused = fuse(model, tmp_path)
    assert {kind: count(fused, kind) for kind in MISSES[miss]} == MISSES[miss]
    compare(model, fused)


def test_unknown_sizes_stay(tmp_path):
    """The number of heads is an input of the model."""
    g = Graph(17)
    g.op("Concat", g.ints(0, 0), "count", g.ints(SIZE), axis=0, out="shape")
    for name in ("yq", "yk"):
        x = g.op("MatMul", "hidden", g.weights(f"w{name}", WIDTH, HEADS * SIZE))
        g.rotate(g.heads_first(g.op("Reshape", x, "shape")), name)
    model = g.model(["yq", "yk"])
    model.graph.input.append(helper.make_tensor_value_info("count", TensorProto.INT64, [1]))
    fused = fuse(model, tmp_path)
    assert (count(fused, "RotaryEmbedding"), count(fused, "Transpose")) == (2, 2)
