"""The three targets of `phasor fuse`: small models, each with something that a rotary fusion can get wrong, keep their numbers.

Among them are the rewrites that other fusers are known to get wrong: two bases in one graph, half precision, positions of batch 1
at batch 2, partial rotation before attention, a lost amplitude, and sequences longer than a cache. Sequences may be empty.
"""
import json
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import MODELS, PHASOR, ROOT, count, difference, readable, run, session
from test_scopes import MODELS as BODIES
from test_scopes import fuse, written

OPERATORS = {
    "phasor": (None, "ai.phasor"),
    "contrib": ("RotaryEmbedding", "com.microsoft"),
    "onnx": ("RotaryEmbedding", ""),
}
KNOWN_OPSET = onnx.defs.onnx_opset_version()
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}


class Graph:
    """A graph in the making; values are names."""

    def __init__(self, dtype=TensorProto.FLOAT):
        self.dtype, self.nodes, self.constants, self.inputs, self.outputs = dtype, [], [], [], []

    def op(self, op, *inputs, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.value(i) for i in inputs], [name], name=name, **attributes))
        return name

    def value(self, value):
        if isinstance(value, str):
            return value
        name = f"constant_{len(self.constants)}"
        array = np.asarray(value)
        self.constants.append(numpy_helper.from_array(array.astype(np.int64) if array.dtype.kind == "i" else array, name))
        return name

    def input(self, name, dims, dtype=None):
        self.inputs.append(helper.make_tensor_value_info(name, dtype or self.dtype, dims))
        return name

    def output(self, value, rank=4):
        name = f"y{len(self.outputs)}"
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, self.dtype, [None] * rank))

    def slice(self, x, start, end, step=1):
        return self.op("Slice", x, [start], [end], [-1], [step])

    def angles(self, positions, pairs, base=10000.0):
        """`[..., S, pairs]` of positions `[..., S]`."""
        frequencies = (base ** (-np.arange(pairs) / pairs)).astype(np.float32)
        column = self.op("Unsqueeze", self.op("Cast", positions, to=TensorProto.FLOAT), [-1])
        return self.op("Mul", column, frequencies)

    def tables(self, angles, full=False, amplitude=1.0, axes=(), interleaved=False):
        """cos and sin of angles, with unit axes, in the graph's type."""
        if full and interleaved:
            angles = self.op("Reshape", self.op("Concat", *[self.op("Unsqueeze", angles, [-1])] * 2, axis=-1), [0, 0, -1])
        elif full:
            angles = self.op("Concat", angles, angles, axis=-1)
        made = []
        for function in ("Cos", "Sin"):
            table = self.op(function, angles)
            if amplitude != 1.0:
                table = self.op("Mul", table, np.float32(amplitude))
            if self.dtype != TensorProto.FLOAT:
                table = self.op("Cast", table, to=self.dtype)
            made.append(self.op("Unsqueeze", table, list(axes)) if axes else table)
        return made

    def rotate(self, x, cos, sin, r, full=False):
        """`x` with its first `r` channels, all there are, rotated by halves."""
        low, high = self.slice(x, 0, r // 2), self.slice(x, r // 2, r)
        if full:
            turned = self.op("Concat", self.op("Neg", high), low, axis=-1)
            return self.op("Add", self.op("Mul", x, cos), self.op("Mul", turned, sin))
        first = self.op("Sub", self.op("Mul", low, cos), self.op("Mul", high, sin))
        second = self.op("Add", self.op("Mul", high, cos), self.op("Mul", low, sin))
        return self.op("Concat", first, second, axis=-1)

    def rotate_pairs(self, x, cos, sin, end=8):
        """Neighbouring channels rotated, the result with its pairs as neighbours again."""
        even, odd = self.slice(x, 0, end, 2), self.slice(x, 1, end, 2)
        first = self.op("Sub", self.op("Mul", even, cos), self.op("Mul", odd, sin))
        second = self.op("Add", self.op("Mul", odd, cos), self.op("Mul", even, sin))
        return first, second

    def model(self, opset):
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11 if opset > 22 else 8)


CASES = {}


def case(sites, left=(), dtype=TensorProto.FLOAT):
    """Registers a model: its sites, and the targets that cannot express them."""
    def register(function):
        CASES[function.__name__] = (function, sites, left, dtype)
        return function
    return register


def heads(g, name="x", channels=8):
    return g.input(name, ["B", 4, "S", channels])


def ids(g):
    return g.input("positions", ["B", "S"], TensorProto.INT64)


@case(2)
def two_bases(g):
    positions = ids(g)
    for name, base in (("q", 1e4), ("k", 1e6)):
        cos, sin = g.tables(g.angles(positions, 4, base), axes=[1], full=True)
        g.output(g.rotate(heads(g, name), cos, sin, 8, full=True))


@case(1, dtype=TensorProto.FLOAT16)
def half_precision(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.rotate(heads(g), cos, sin, 8))


@case(1, dtype=TensorProto.FLOAT16)
def half_precision_turned_in_single(g):
    g.dtype = TensorProto.FLOAT
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.dtype = TensorProto.FLOAT16
    x = g.op("Cast", heads(g), to=TensorProto.FLOAT)
    g.output(g.op("Cast", g.rotate(x, cos, sin, 8), to=TensorProto.FLOAT16))


def counted(g, x, axis=2):
    """Positions `[S]` that the graph makes itself."""
    size = g.op("Squeeze", g.op("Gather", g.op("Shape", x), [axis]), [0])
    return g.op("Range", np.int64(0), size, np.int64(1))


@case(2)
def positions_of_the_models_own(g):
    q, k = heads(g, "q"), heads(g, "k")
    cos, sin = g.tables(g.angles(counted(g, q), 4), axes=[0, 1], full=True)
    g.output(g.rotate(q, cos, sin, 8, full=True))
    g.output(g.rotate(k, cos, sin, 8, full=True))


@case(2)
def partial_before_attention(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1], full=True)
    turned = []
    for name in ("q", "k"):
        x = heads(g, name, 12)
        turned.append(g.op("Concat", g.rotate(g.slice(x, 0, 8), cos, sin, 8, full=True), g.slice(x, 8, 12), axis=-1))
    scores = g.op("Mul", g.op("MatMul", turned[0], g.op("Transpose", turned[1], perm=[0, 1, 3, 2])), np.float32(12**-0.5))
    g.output(g.op("MatMul", g.op("Softmax", scores, axis=-1), heads(g, "v", 12)))


@case(1)
def amplitude(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1], full=True, amplitude=1.2079)
    g.output(g.rotate(heads(g), cos, sin, 8, full=True))


@case(1)
def inverse(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.rotate(heads(g), cos, g.op("Neg", sin), 8))


@case(1)
def rows_of_a_constant_table(g):
    angles = np.outer(np.arange(64), 10000.0 ** (-np.arange(4) / 4)).astype(np.float32)
    cos, sin = (g.op("Unsqueeze", g.op("Gather", function(angles), ids(g) if k == 0 else "positions"), [1])
                for k, function in enumerate((np.cos, np.sin)))
    g.output(g.rotate(heads(g), cos, sin, 8))


@case(1)
def first_rows_of_a_constant_table(g):
    angles = np.outer(np.arange(64), 10000.0 ** (-np.arange(4) / 4)).astype(np.float32)
    x = heads(g)
    size = g.op("Gather", g.op("Shape", x), [2])
    cos, sin = (g.op("Slice", function(angles), [0], size, [0]) for function in (np.cos, np.sin))
    g.output(g.rotate(x, cos, sin, 8))


@case(1)
def heads_after_the_sequence(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[2])
    g.output(g.rotate(g.input("x", ["B", "S", 4, 8]), cos, sin, 8))


@case(1)
def heads_after_the_sequence_with_a_tail(g):
    x = g.input("x", ["B", "S", 4, 12])
    cos, sin = g.tables(g.angles(counted(g, x, 1), 4), axes=[1])
    g.output(g.op("Concat", g.rotate(g.slice(x, 0, 8), cos, sin, 8), g.slice(x, 8, 12), axis=-1))


@case(1)
def sequence_first(g):
    x = g.input("x", ["S", "B", 4, 8])
    cos, sin = g.tables(g.angles(counted(g, x, 0), 4), axes=[1, 2])
    g.output(g.rotate(x, cos, sin, 8))


@case(1)
def one_head(g):
    cos, sin = g.tables(g.angles(ids(g), 4))
    g.output(g.rotate(g.input("x", ["B", "S", 8]), cos, sin, 8), 3)


@case(1)
def no_batch(g):
    x = g.input("x", ["S", 8])
    cos, sin = g.tables(g.angles(counted(g, x, 0), 4))
    g.output(g.rotate(x, cos, sin, 8), 2)


@case(1)
def packed(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[2, 3])
    g.output(g.rotate(g.input("x", ["B", "S", 2, 4, 8]), cos, sin, 8), 5)


@case(1)
def five_axes(g):
    x = g.input("x", ["B", 3, 4, "S", 8])
    cos, sin = g.tables(g.angles(counted(g, x, 3), 4))
    g.output(g.rotate(x, cos, sin, 8), 5)


@case(1)
def angles_of_each_head(g):
    positions = g.input("positions", ["B", "S"], TensorProto.INT64)
    column = g.op("Unsqueeze", g.op("Cast", positions, to=TensorProto.FLOAT), [1, 3])
    frequencies = np.linspace(0.1, 1.0, 16, dtype=np.float32).reshape(1, 4, 1, 4)
    cos, sin = g.tables(g.op("Mul", column, frequencies))
    g.output(g.rotate(heads(g), cos, sin, 8))


@case(1)
def neighbours(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    first, second = g.rotate_pairs(heads(g), cos, sin)
    both = g.op("Concat", g.op("Unsqueeze", first, [-1]), g.op("Unsqueeze", second, [-1]), axis=-1)
    g.output(g.op("Reshape", both, [0, 0, 0, 8]))


@case(1)
def neighbours_in_halves_out(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.op("Concat", *g.rotate_pairs(heads(g), cos, sin), axis=-1))


@case(1)
def tail_after_an_offset(g):
    x = heads(g, channels=14)
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.op("Concat", g.slice(x, 0, 4), g.rotate(g.slice(x, 4, 12), cos, sin, 8), g.slice(x, 12, 14), axis=-1))


@case(1, left=("contrib", "onnx"), dtype=TensorProto.DOUBLE)
def double_precision(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.rotate(heads(g), cos, sin, 8))


@case(1, left=("contrib", "onnx"))
def another_angle_for_each_channel(g):
    x, cos, sin = heads(g), g.input("cos", ["S", 8]), g.input("sin", ["S", 8])
    g.output(g.rotate(x, cos, sin, 8, full=True))


@case(1)
def heads_without_a_fixed_number(g):
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[2])
    g.output(g.rotate(g.input("x", ["B", "S", "N", 8]), cos, sin, 8))


@case(1, left=("onnx",))
def heads_without_a_fixed_number_at_positions_of_the_models_own(g):
    x = g.input("x", ["B", "S", "N", 8])
    cos, sin = g.tables(g.angles(counted(g, x, 1), 4), axes=[1])
    g.output(g.rotate(x, cos, sin, 8))


@case(1, left=("contrib", "onnx"))
def rows_along_a_part_of_the_batch(g):
    x = g.input("x", [3, "B", 4, "S", 8])
    cos, sin = g.tables(g.angles(ids(g), 4), axes=[1])
    g.output(g.rotate(x, cos, sin, 8), 5)


def given(model, batch, length):
    rng = np.random.default_rng(length)
    made = {}
    for info in model.graph.input:
        sizes = [d.dim_value or {"B": batch, "S": length, "N": 5}[d.dim_param] for d in info.type.tensor_type.shape.dim]
        kind = info.type.tensor_type.elem_type
        if kind == TensorProto.INT64:
            # Rows of the batch begin at other positions, as with a cache or padding on the left.
            made[info.name] = (np.arange(length) + 5 * np.arange(batch)[:, None]).astype(np.int64)
        else:
            made[info.name] = rng.standard_normal(sizes).astype(TYPES[kind])
    return made


def made(name, opset, tmp_path):
    if opset > KNOWN_OPSET:
        pytest.skip(f"opset {opset} is not known to this onnx")
    function, sites, left, dtype = CASES[name]
    g = Graph(dtype)
    function(g)
    model = g.model(opset)
    path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    return model, path, sites, left, 4e-3 if dtype == TensorProto.FLOAT16 else 2e-6


@pytest.mark.parametrize("target, opset", [("phasor", 17), ("contrib", 17), ("onnx", 23), ("contrib", 23)])
@pytest.mark.parametrize("name", CASES)
def test_numbers_are_kept(name, target, opset, tmp_path):
    model, path, sites, left, tolerance = made(name, opset, tmp_path)
    out = tmp_path / "fused.onnx"
    done, report = fuse(path, out, "--target", target, "--engine", "tract", "--ignore", "attention")
    assert done.returncode == 0, done.stderr + done.stdout
    fused = 0 if target in left else sites
    assert (len(report["sites"]), len(report["unsupported"])) == (fused, sites - fused), done.stdout
    assert count(out, *OPERATORS[target]) == fused
    onnx.checker.check_model(onnx.load(str(out)))
    original, after = session(path), session(out)
    for batch, length in ((1, 1), (1, 7), (2, 7), (2, 1), (3, 40), (2, 0)):
        if length == 0 and (name, target) == ("sequence_first", "contrib"):
            continue  # ONNX Runtime's operator refuses what is then an empty batch.
        inputs = given(model, batch, length)
        assert difference(run(after, inputs), run(original, inputs)) <= tolerance, (batch, length)


@pytest.mark.parametrize("name", BODIES)
def test_sites_in_bodies_and_functions_keep_their_numbers(name, tmp_path):
    text, sites, _ = BODIES[name]
    path, out = written(tmp_path, text), tmp_path / "fused.onnx"
    done, report = fuse(path, out, "--no-verify", "--target", "contrib")
    assert done.returncode == 0, done.stderr
    assert len(report["sites"]) + len(report["unsupported"]) == sites
    from test_scopes import inputs
    for length in (3, 6):
        values = inputs(path, length)
        assert difference(run(session(out), values), run(session(path), values)) < 2e-6


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_exports_compute_what_pytorch_computed(folder, tmp_path):
    meta, out = json.loads((folder / "meta.json").read_text()), tmp_path / "fused.onnx"
    done, report = fuse(folder / "model.onnx", out, "--target", "contrib", "--engine", "tract", "--ignore", "attention")
    assert done.returncode == 0, done.stderr
    assert report["verification"]["verdict"] == "same"
    assert count(out, *OPERATORS["contrib"]) == meta["groundtruth"]["rope_sites"]
    assert report["nodes_after"] < report["model"]["nodes"]
    fused = session(readable(out, tmp_path))
    for inputs in sorted(folder.glob("inputs_*.npz")):
        expected = np.load(inputs.with_name(inputs.name.replace("inputs", "expected")))
        got = run(fused, dict(np.load(inputs)))
        assert difference(got, dict(expected)) <= (2e-2 if meta["dtype"] == "float16" else 2e-4)


def assert_repaired(model, path, out):
    """The model at `path` runs at batch 1 only, and that at `out` gives the same there, and row by row at batch 2."""
    before, after = session(path), session(out)
    assert difference(run(after, given(model, 1, 5)), run(before, given(model, 1, 5))) == 0
    two = given(model, 2, 5)
    with pytest.raises(Exception):
        run(before, two)
    rows = [run(before, {name: value[row : row + 1] for name, value in two.items()}) for row in range(2)]
    assert difference(run(after, two), {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}) == 0


def test_nodes_that_fail_at_batch_2_are_repaired(tmp_path):
    if KNOWN_OPSET < 23:
        pytest.skip("opset 23 is not known to this onnx")
    g = Graph()
    q, k = heads(g, "q"), heads(g, "k")
    cos, sin = (g.op("Unsqueeze", table, [0]) for table in g.tables(g.angles(counted(g, q), 4)))
    for x in (q, k):
        g.output(g.op("RotaryEmbedding", x, cos, sin))
    model, path, out = g.model(23), tmp_path / "model.onnx", tmp_path / "fused.onnx"
    onnx.save(model, str(path))
    done, report = fuse(path, out, "--target", "onnx", "--engine", "tract")
    assert done.returncode == 0, done.stderr
    (rule,) = report["rules"]
    assert (rule["rule"], rule["sites"], report["verification"]["verdict"]) == ("rotary-batch", 2, "same"), report
    assert count(out, "Expand", "") == 2, "the tables are expanded once"
    assert_repaired(model, path, out)
    # Nothing is left to repair.
    done, report = fuse(out, tmp_path / "again.onnx", "--target", "onnx", "--no-verify")
    assert report["verdict"] == "nothing-to-fuse"


def test_positions_of_batch_1_are_expanded_for_contrib(tmp_path):
    g = Graph()
    q, k = heads(g, "q"), heads(g, "k")
    table = np.arange(40).reshape(10, 4)
    cos, sin = (f(table).astype(np.float32) for f in (np.cos, np.sin))
    positions = g.op("Unsqueeze", counted(g, q), [0])
    for x in (q, k):
        g.output(g.op("RotaryEmbedding", x, positions, cos, sin, domain="com.microsoft"))
    model, path, out = g.model(17), tmp_path / "model.onnx", tmp_path / "fused.onnx"
    onnx.save(model, str(path))
    inspected = subprocess.run([PHASOR, "inspect", path], capture_output=True, text=True)
    assert "its positions have batch 1" in inspected.stdout, inspected
    done, report = fuse(path, out, "--target", "contrib", "--no-verify")
    assert done.returncode == 0, done.stderr
    (rule,) = report["rules"]
    assert (rule["rule"], rule["sites"]) == ("rotary-batch", 2), report
    assert_repaired(model, path, out)
    inspected = subprocess.run([PHASOR, "inspect", out], capture_output=True, text=True)
    assert "its positions" not in inspected.stdout, inspected


def test_functions_that_a_tool_dropped_are_put_back(tmp_path):
    model = ROOT / "models" / "llama-dynamo" / "model.onnx"
    fused, bare, again = (tmp_path / f"{name}.onnx" for name in ("fused", "bare", "again"))
    assert fuse(model, fused, "--no-verify")[0].returncode == 0
    dropped = onnx.load(str(fused))
    carried = sorted(f.name for f in dropped.functions)
    del dropped.functions[:]
    onnx.save(dropped, str(bare))
    with pytest.raises(Exception):
        session(bare)
    done, report = fuse(bare, again, "--engine", "tract")
    assert done.returncode == 0, done.stderr
    (rule,) = report["rules"]
    assert (rule["rule"], rule["proofs"], report["verification"]["verdict"]) == ("functions", ["definition"], "same"), report
    assert sorted(f.name for f in onnx.load(str(again)).functions) == carried
    for inputs in sorted(model.parent.glob("inputs_*.npz")):
        given = dict(np.load(inputs))
        expected = dict(np.load(inputs.with_name(inputs.name.replace("inputs", "expected"))))
        assert difference(run(session(readable(again, tmp_path)), given), expected) <= 2e-4
    done, report = fuse(again, tmp_path / "third.onnx", "--no-verify")
    assert report["verdict"] == "nothing-to-fuse"
