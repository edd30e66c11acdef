"""Attention under each target, and as standard nodes: every mask that an operator of ONNX Runtime could get wrong keeps its numbers.

Masks are random, with rows that see no key, batches of several sequences, and more keys than queries, as with a cache.
"""
import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from conftest import MODELS, VERSION, count, difference, readable, run, session
from test_scopes import fuse, written
from test_targets import KNOWN_OPSET, Graph

LEAST = float(np.finfo(np.float32).min)
OPERATORS = {"contrib": ("MultiHeadAttention", "com.microsoft"), "onnx": ("Attention", "")}
HEADS, WIDTH, SCALE = 4, 8, 8**-0.5
LEVELS = (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
CASES = {}


def case(left=(), dtype=TensorProto.FLOAT, nan=False):
    """Registers a model with one attention: the targets that cannot express it, and whether rows without a key are NaN."""
    def register(function):
        CASES[function.__name__] = (function, left, dtype, nan)
        return function
    return register


def scores(g, heads=HEADS, key_heads=None, scale=SCALE):
    q = g.input("q", ["B", heads, "S", WIDTH])
    k = g.input("k", ["B", key_heads or heads, "T", WIDTH])
    k = k if key_heads is None else repeated(g, k, heads // key_heads)
    return g.op("Mul", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), number(g, scale))


def number(g, value):
    return np.asarray(value, np.float16 if g.dtype == TensorProto.FLOAT16 else np.float32)


def repeated(g, x, times):
    """Each head several times, as exporters write it for keys that heads share."""
    shape = g.op("Shape", x)
    first, rest = g.op("Slice", shape, [0], [2], [0]), g.op("Slice", shape, [2], [4], [0])
    wide = g.op("Expand", g.op("Unsqueeze", x, [2]), g.op("Concat", first, [times], rest, axis=0))
    return g.op("Reshape", wide, g.op("Concat", [0, HEADS], rest, axis=0))


def weigh(g, scores, key_heads=None, width=WIDTH, guard=False):
    p = g.op("Softmax", scores, axis=-1)
    if guard:
        p = g.op("Where", g.op("IsNaN", p), number(g, 0.0), p)
    v = g.input("v", ["B", key_heads or HEADS, "T", width])
    g.output(g.op("MatMul", p, v if key_heads is None else repeated(g, v, HEADS // key_heads)))


def seen(g):
    """Which key each query sees: those up to its place, but for padding."""
    return g.input("seen", ["B", 1, "S", "T"], TensorProto.BOOL)


def key_mask(g, least):
    """`(1 - m) * least` of a mask of keys."""
    m = g.op("Unsqueeze", g.op("Cast", g.input("keys", ["B", "T"], TensorProto.INT64), to=g.dtype), [1, 2])
    return g.op("Mul", g.op("Sub", number(g, 1.0), m), number(g, least))


@case()
def without_a_mask(g):
    weigh(g, scores(g))


@case(left=("contrib",))
def shared_keys(g):
    weigh(g, g.op("Add", scores(g, key_heads=2), key_mask(g, LEAST)), key_heads=2)


@case()
def mask_of_keys(g):
    weigh(g, g.op("Add", scores(g), key_mask(g, LEAST)))


@case()
def mask_of_keys_by_a_small_number(g):
    weigh(g, g.op("Add", scores(g), key_mask(g, -1e4)))


@case()
def mask_that_is_chosen_and_added(g):
    weigh(g, g.op("Add", scores(g), g.op("Where", seen(g), number(g, 0.0), number(g, LEAST))))


@case(nan=True)
def sum_of_masks(g):
    both = g.op("Add", g.op("Where", seen(g), number(g, 0.0), number(g, LEAST)), key_mask(g, LEAST))
    weigh(g, g.op("Add", scores(g), both))


@case()
def mask_in_place(g):
    weigh(g, g.op("Where", seen(g), scores(g), number(g, LEAST)))


@case()
def mask_in_place_beside_a_bias(g):
    biased = g.op("Add", scores(g), g.input("bias", [1, HEADS, "S", "T"]))
    weigh(g, g.op("Where", seen(g), biased, number(g, LEAST)))


@case(left=("contrib", "onnx"))
def mask_in_place_by_a_small_number(g):
    weigh(g, g.op("Where", seen(g), scores(g), number(g, -1e4)))


@case()
def guarded(g):
    weigh(g, g.op("Where", seen(g), scores(g), number(g, -np.inf)), guard=True)


@case()
def guarded_and_added(g):
    weigh(g, g.op("Add", scores(g), g.op("Where", seen(g), number(g, 0.0), number(g, -np.inf))), guard=True)


@case()
def bias_of_each_head(g):
    weigh(g, g.op("Add", scores(g), g.input("bias", [1, HEADS, "S", "T"])))


@case()
def bias_of_keys_alone(g):
    weigh(g, g.op("Add", scores(g), g.input("slopes", [HEADS, 1, "T"])))


@case(left=("contrib",))
def wider_values(g):
    weigh(g, g.op("Add", scores(g), key_mask(g, LEAST)), width=12)


@case(left=("contrib",))
def bound(g):
    capped = g.op("Mul", g.op("Tanh", g.op("Div", scores(g), number(g, 2.0))), number(g, 2.0))
    weigh(g, capped)


@case(left=("contrib", "onnx"))
def bound_and_mask(g):
    capped = g.op("Mul", g.op("Tanh", g.op("Div", scores(g), number(g, 2.0))), number(g, 2.0))
    weigh(g, g.op("Add", capped, key_mask(g, LEAST)))


@case(left=("onnx",))
def negative_scale(g):
    weigh(g, scores(g, scale=-0.3))


@case(left=("contrib",), dtype=TensorProto.FLOAT16)
def half_precision(g):
    weigh(g, scores(g))


@case(left=("contrib",), dtype=TensorProto.FLOAT16)
def guarded_in_half_precision(g):
    weigh(g, g.op("Where", seen(g), scores(g), number(g, -np.inf)), guard=True)


@case(left=("contrib", "onnx"), dtype=TensorProto.FLOAT16)
def mask_of_keys_in_half_precision(g):
    weigh(g, g.op("Add", scores(g), key_mask(g, -65504.0)))


@case(left=("contrib", "onnx"), dtype=TensorProto.FLOAT16)
def mask_in_place_in_half_precision(g):
    weigh(g, g.op("Where", seen(g), scores(g), number(g, -65504.0)))


def model(name, opset, tmp_path):
    if opset > KNOWN_OPSET:
        pytest.skip(f"opset {opset} is not known to this onnx")
    function, *_, dtype, _ = CASES[name]
    g = Graph(dtype)
    function(g)
    path = tmp_path / "model.onnx"
    made = g.model(opset)
    onnx.save(made, str(path))
    return made, path


def given(model, batch, queries, keys):
    rng = np.random.default_rng([batch, queries, keys])
    made = {}
    for info in model.graph.input:
        sizes = [d.dim_value or {"B": batch, "S": queries, "T": keys}[d.dim_param] for d in info.type.tensor_type.shape.dim]
        if info.name == "seen":
            made[info.name] = rng.random(sizes) < 0.6
            made[info.name][-1, :, 0] = False
        elif info.name == "keys":
            made[info.name] = (rng.random(sizes) < 0.7).astype(np.int64)
            made[info.name][-1] = batch == 1
        else:
            kind = np.float16 if info.type.tensor_type.elem_type == TensorProto.FLOAT16 else np.float32
            made[info.name] = (2 * rng.standard_normal(sizes)).astype(kind)
    return made


def assert_same(got, want, tolerance, zero=False):
    """The same numbers, and NaN in the same places; there may be zeros in their place if `zero` says so."""
    nan = np.isnan(want["y0"])
    blank = np.isnan(got["y0"]) | (got["y0"] == 0) if zero else np.isnan(got["y0"])
    assert blank[nan].all()
    kept = [{"y0": np.where(nan, 0, side["y0"])} for side in (got, want)]
    assert difference(*kept) <= tolerance


@pytest.mark.parametrize("how, opset", [("phasor", 17), ("contrib", 17), ("onnx", 23), ("plain", 13), ("plain", 17), ("plain", 23)])
@pytest.mark.parametrize("name", CASES)
def test_numbers_are_kept(name, how, opset, tmp_path):
    _, left, dtype, nan = CASES[name]
    if opset == 13 and dtype == TensorProto.FLOAT16 and VERSION < (1, 18):
        pytest.skip("this release lacks operators of opset 13 in half precision")
    made, path = model(name, opset, tmp_path)
    out = tmp_path / "fused.onnx"
    arguments = ["--plain", "attention"] if how == "plain" else ["--target", how]
    done, report = fuse(path, out, *arguments, "--engine", "tract")
    assert done.returncode == 0, done.stderr + done.stdout
    expressed = how not in left
    assert (len(report["sites"]), len(report["unsupported"])) == (expressed, not expressed), done.stdout
    if how in OPERATORS:
        assert count(out, *OPERATORS[how]) == expressed
    if how == "plain":
        new = onnx.load(str(out))
        assert not new.functions and {o.domain for o in new.opset_import} == {""}
        assert not any(node.op_type == "CastLike" for node in new.graph.node)
        names = [node.name for node in new.graph.node]
        assert len(set(names)) == len(names)
    if opset == 23 and VERSION < (1, 23):
        pytest.skip("this release does not know the opset")
    if how != "phasor":
        onnx.checker.check_model(onnx.load(str(out)))
    original = session(path)
    fused = [session(readable(out, tmp_path), level=level) for level in LEVELS]
    tolerance = 4e-3 if dtype == TensorProto.FLOAT16 else 2e-6
    for sizes in ((1, 1, 1), (1, 1, 9), (1, 5, 5), (2, 5, 9), (3, 4, 70), (2, 33, 40)):
        inputs = given(made, *sizes)
        for after in fused:
            assert_same(run(after, inputs), run(original, inputs), tolerance, zero=nan and how == "onnx")


@pytest.mark.parametrize("arguments", [("--plain", "attention"), ("--target", "contrib"), ("--target", "onnx")], ids=" ".join)
@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_exports_compute_what_pytorch_computed(folder, arguments, tmp_path):
    if "onnx" in arguments and VERSION < (1, 23):
        pytest.skip("this release has no kernel for the operator")
    meta, out = json.loads((folder / "meta.json").read_text()), tmp_path / "fused.onnx"
    done, report = fuse(folder / "model.onnx", out, *arguments, "--engine", "tract")
    assert done.returncode == 0, done.stderr
    after = session(readable(out, tmp_path))
    for inputs in sorted(folder.glob("inputs_*.npz")):
        expected = np.load(inputs.with_name(inputs.name.replace("inputs", "expected")))
        got = run(after, dict(np.load(inputs)))
        assert difference(got, dict(expected)) <= (2e-2 if meta["dtype"] == "float16" else 2e-4)


ACCEPTED = ["mask_in_place_by_a_small_number", "mask_of_keys_in_half_precision", "mask_in_place_in_half_precision"]


@pytest.mark.parametrize("target, opset", [("contrib", 17), ("onnx", 23)])
@pytest.mark.parametrize("name", ACCEPTED)
def test_rows_that_see_a_key_are_kept_where_others_may_differ(name, target, opset, tmp_path):
    if opset == 23 and VERSION < (1, 23):
        pytest.skip("this release does not know the opset")
    made, path = model(name, opset, tmp_path)
    half, out = CASES[name][2] == TensorProto.FLOAT16, tmp_path / "fused.onnx"
    done, report = fuse(path, out, "--target", target, "--no-verify")
    (left,) = report["unsupported"]
    assert done.returncode == 0 and ("`--accept hidden-rows`" in left["reason"]) == (not half or target == "onnx")
    done, report = fuse(path, out, "--target", target, "--accept", "hidden-rows", "--force", "--no-verify")
    assert done.returncode == 0, done.stderr + done.stdout
    if half and target == "contrib":
        assert len(report["unsupported"]) == 1
        return
    assert count(out, *OPERATORS[target]) == 1
    before, after = session(path), session(readable(out, tmp_path))
    for sizes in ((1, 1, 9), (2, 5, 9), (3, 4, 70)):
        inputs = given(made, *sizes)
        seen = inputs["seen"][:, 0] if "seen" in inputs else np.broadcast_to(inputs["keys"][:, None] != 0, (sizes[0], sizes[1], sizes[2]))
        kept = seen.any(-1)[:, None, :, None]
        got, want = ({"y0": np.where(kept, run(side, inputs)["y0"], 0)} for side in (after, before))
        assert difference(got, want) <= (4e-3 if half else 2e-6)


def test_layers_share_what_is_added(tmp_path):
    g = Graph()
    mask = key_mask(g, LEAST)
    x = g.input("q", ["B", HEADS, "S", WIDTH])
    for layer in range(3):
        k, v = (g.input(f"{name}{layer}", ["B", HEADS, "S", WIDTH]) for name in "kv")
        weights = g.op("MatMul", x, g.op("Transpose", k, perm=[0, 1, 3, 2]))
        x = g.op("MatMul", g.op("Softmax", g.op("Add", weights, mask), axis=-1), v)
    g.inputs = [i if i.name != "keys" else helper.make_tensor_value_info("keys", TensorProto.INT64, ["B", "S"]) for i in g.inputs]
    g.output(x)
    path, out = tmp_path / "model.onnx", tmp_path / "fused.onnx"
    onnx.save(g.model(17), str(path))
    done, report = fuse(path, out, "--target", "contrib", "--engine", "tract")
    assert done.returncode == 0 and len(report["sites"]) == 3, done.stderr
    assert count(out, "Expand", "") == 1


ATTEND = """
    kt = Transpose<perm = [0, 1, 3, 2]>(k)
    s = MatMul(q, kt)
    biased = Add(s, hidden)
    p = Softmax<axis = -1>(biased)
    a = MatMul(p, v)
"""
HIDDEN = """
    m = Cast<to = 1>(keys)
    axes = Constant<value_ints = [1, 2]>()
    wide = Unsqueeze(m, axes)
    one = Constant<value_float = 1.0>()
    least = Constant<value_float = -3.4028234663852886e38>()
    no = Sub(one, wide)
    hidden = Mul(no, least)
"""
HEAD = '<ir_version: 8, opset_import: ["" : 23, "local" : 1]>'
INPUTS = "float[B, 4, S, 8] q, float[B, 4, T, 8] k, float[B, 4, T, 8] v, int64[B, T] keys"
SCOPES = {
    "body": f"""{HEAD} main ({INPUTS}, bool flag) => (float[B, 4, S, 8] y0) {{ {HIDDEN}
        y0 = If(flag) <then_branch = yes () => (float[B, 4, S, 8] a) {{ {ATTEND} }},
                       else_branch = no () => (float[B, 4, S, 8] b) {{ b = Identity(q) }}> }}""",
    "function": f"""{HEAD} main ({INPUTS}) => (float[B, 4, S, 8] y0) {{ {HIDDEN}
        first = local.attend(q, k, v, hidden)
        y0 = local.attend(first, k, v, hidden) }}
        <domain: "local", opset_import: ["" : 23]> attend (q, k, v, hidden) => (a) {{ {ATTEND} }}""",
}


@pytest.mark.parametrize("arguments", [("--plain", "attention"), ("--target", "contrib"), ("--target", "onnx")], ids=" ".join)
@pytest.mark.parametrize("scope", SCOPES)
def test_attention_in_bodies_and_functions_keeps_its_numbers(scope, arguments, tmp_path):
    if VERSION < (1, 23):
        pytest.skip("this release does not know the opset")
    path, out = written(tmp_path, SCOPES[scope]), tmp_path / "fused.onnx"
    done, report = fuse(path, out, *arguments, "--no-verify")
    assert done.returncode == 0 and len(report["sites"]) == 1 and not report["unsupported"], done.stdout
    made, before, after = onnx.load(str(path)), session(path), session(readable(out, tmp_path))
    for sizes in ((1, 1, 9), (2, 5, 9)):
        inputs = {**given(made, *sizes), "flag": np.array(True)}
        assert_same(run(after, inputs), run(before, inputs), 2e-6)
