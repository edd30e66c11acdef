"""Rotations that operators of a model hold are rewritten to another operator set, and compute what they did."""
import subprocess

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import LIBRARY, PHASOR, count, run, session

HEADS, KEY_HEADS, CHANNELS, ROWS = 4, 2, 32, 32
TARGETS = {"phasor": "ai.phasor", "contrib": "com.microsoft"}


def caches(width, shape=None):
    angles = np.arange(ROWS)[:, None] * 10_000.0 ** -(np.arange(width) / width)
    return [f(angles).astype(np.float32) for f in (np.cos, np.sin)]


def saved(path, nodes, inputs, outputs, initializers, opset):
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    held = [numpy_helper.from_array(array, name) for name, array in initializers.items()]
    graph = helper.make_graph(nodes, "g", infos, made, held)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9 if opset < 23 else 10), str(path))
    return path


def retargeted(path, operator, target, *more):
    new = path.with_name(f"{target}.onnx")
    arguments = ["fuse", str(path), "-o", str(new), "--target", target, "--retarget", operator, "--no-verify", "--force", *more]
    done = subprocess.run([PHASOR, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Retargeted" in done.stderr, done.stderr
    return new


def left_alone(path, target, words="Nothing to fuse", operator="rotary-embedding"):
    """Nothing is retargeted, for a reason that is said; the model is copied as it is."""
    new = path.with_name(f"{target}.onnx")
    arguments = ["fuse", str(path), "-o", str(new), "--target", target, "--retarget", operator, "--force"]
    done = subprocess.run([PHASOR, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert words in done.stderr and "Nothing to fuse" in done.stderr, done.stderr
    assert new.read_bytes() == path.read_bytes()


def same(old, new, feeds, library=None, lengths=None):
    """Compares the outputs; of `y` only the first `lengths` rows of each sequence, where these are given."""
    expected = run(session(str(old)), feeds)
    got = run(session(str(new), library), feeds)
    for name, value in expected.items():
        result = got[name]
        if name == "y" and lengths is not None:
            result, value = (np.concatenate([y[:n] for y, n in zip(array, lengths)]) for array in (result, value))
        np.testing.assert_allclose(result, value, rtol=0, atol=2e-6)


def requires(opset):
    if opset > onnx.defs.onnx_opset_version() or opset >= 23 and tuple(map(int, ort.__version__.split(".")[:2])) < (1, 23):
        pytest.skip(f"opset {opset} is not known to this ONNX Runtime or onnx")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("positions", ["ids", "first", "none"])
@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_rotary_embedding(tmp_path, domain, positions, packed, partial, interleaved, target):
    if positions == ("first" if domain == "" else "none"):
        return
    requires(17 if domain else 23)
    width = CHANNELS // 4 if partial else CHANNELS // 2
    given = {"interleaved": interleaved, "num_heads": HEADS if packed or partial else 0}
    if partial:
        given["rotary_embedding_dim"] = 2 * width
    shape = ["batch", "sequence", HEADS * CHANNELS] if packed else ["batch", HEADS, "sequence", CHANNELS]
    inputs, initializers = {"x": (TensorProto.FLOAT, shape)}, dict(zip(("cos", "sin"), caches(width)))
    if positions == "none":
        initializers = {}
        inputs.update({name: (TensorProto.FLOAT, ["batch", "sequence", width]) for name in ("cos", "sin")})
    else:
        inputs["positions"] = (TensorProto.INT64, ["batch", "sequence"] if positions == "ids" else [1])
    order = ["x", "positions", "cos", "sin"] if domain else ["x", "cos", "sin"] + ["positions"] * (positions != "none")
    node = helper.make_node("RotaryEmbedding", order, ["y"], "turn", domain=domain, **given)
    path = saved(tmp_path / "model.onnx", [node], inputs, {"y": shape}, initializers, 17 if domain else 23)
    if domain == TARGETS[target]:
        left_alone(path, target)
        return
    new = retargeted(path, "rotary-embedding", target)
    assert count(new, "RotaryEmbedding", TARGETS[target]) == 1
    random = np.random.default_rng(0)
    for batch, sequence in [(1, 1), (2, 5), (3, 1)]:
        sizes = {"batch": batch, "sequence": sequence}
        feeds = {}
        for name, (kind, shape) in inputs.items():
            real = [sizes.get(size, size) for size in shape]
            integers = kind == TensorProto.INT64
            feeds[name] = random.integers(0, ROWS - 8, real) if integers else random.standard_normal(real).astype(np.float32)
        same(path, new, feeds)
        if target == "phasor":
            same(path, new, feeds, LIBRARY)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("width", [CHANNELS // 2, CHANNELS // 4])
def test_group_query_attention(tmp_path, width, packed, interleaved, target):
    q, kv = HEADS * CHANNELS, KEY_HEADS * CHANNELS
    states = {"q": q + 2 * kv} if packed else {"q": q, "k": kv, "v": kv}
    inputs = {name: (TensorProto.FLOAT, ["batch", "sequence", size]) for name, size in states.items()}
    inputs.update({name: (TensorProto.FLOAT, ["batch", KEY_HEADS, "past", CHANNELS]) for name in ("past_k", "past_v")})
    inputs["lengths"], inputs["total"] = (TensorProto.INT32, ["batch"]), (TensorProto.INT32, [])
    order = ["q", *(["", ""] if packed else ["k", "v"]), "past_k", "past_v", "lengths", "total", "cos", "sin"]
    given = dict(num_heads=HEADS, kv_num_heads=KEY_HEADS, do_rotary=1, rotary_interleaved=interleaved)
    node = helper.make_node("GroupQueryAttention", order, ["y", "present_k", "present_v"], "attend", domain="com.microsoft", **given)
    present = ["batch", KEY_HEADS, "whole", CHANNELS]
    outputs = {"y": ["batch", "sequence", q], "present_k": present, "present_v": present}
    path = saved(tmp_path / "model.onnx", [node], inputs, outputs, dict(zip(("cos", "sin"), caches(width))), 17)
    new = retargeted(path, "group-query-attention", target)
    assert count(new, "RotaryEmbedding", TARGETS[target]) == 2
    (plain,) = [n for n in onnx.load(str(new)).graph.node if n.op_type == "GroupQueryAttention"]
    assert not {"do_rotary", "rotary_interleaved"} & {a.name for a in plain.attribute} and len(plain.input) == 7
    try:
        session(str(path))
    except Exception as error:
        pytest.skip(f"this ONNX Runtime has no kernel for GroupQueryAttention with these inputs: {error}")
    random = np.random.default_rng(0)
    # All keys are new, one is, and some are.
    for past, sequence, lengths in [(0, 5, [5]), (0, 5, [5, 3]), (4, 1, [5, 3]), (6, 1, [7, 2, 5]), (4, 3, [7])]:
        sizes = {"batch": len(lengths), "sequence": sequence, "past": past}
        feeds = {"lengths": np.array(lengths, np.int32) - 1, "total": np.array(max(lengths), np.int32)}
        for name, (_, shape) in inputs.items():
            real = [sizes.get(size, size) for size in shape]
            feeds.setdefault(name, random.standard_normal(real).astype(np.float32))
        # Rows beyond the end of a sequence hold anything.
        same(path, new, feeds, lengths=lengths if past == 0 else None)


def test_what_is_not_known_is_left(tmp_path):
    """Without a rank nothing can be said, nor of operators whose meaning differs between hosts, nor below the oldest opset."""
    inputs = {"x": (TensorProto.FLOAT, None), "positions": (TensorProto.INT64, ["batch", "sequence"])}
    node = helper.make_node("RotaryEmbedding", ["x", "positions", "cos", "sin"], ["y"], "turn", domain="com.microsoft")
    held = dict(zip(("cos", "sin"), caches(8)))
    path = saved(tmp_path / "model.onnx", [node], inputs, {"y": None}, held, 17)
    left_alone(path, "phasor", "left 1 node of `com.microsoft::RotaryEmbedding`: the rank of `X` is not known")
    inputs["x"] = (TensorProto.FLOAT, ["batch", HEADS, "sequence", 16])
    path = saved(tmp_path / "model.onnx", [node], inputs, {"y": None}, held, 12)
    left_alone(path, "phasor", "the model's opset is older than 13")
    packed = helper.make_node("RotaryEmbedding", ["x", "positions", "cos", "sin"], ["y"], "turn", domain="com.microsoft", is_packed_batching=1)
    path = saved(tmp_path / "model.onnx", [packed], inputs, {"y": None}, held, 17)
    left_alone(path, "phasor", "sequences of several lengths are packed into one")


def test_two_of_one_kind(tmp_path):
    """Of equal rotations, those that are not found again keep their operator; and one rotation may follow another."""
    shape = ["batch", HEADS, "sequence", 16]
    inputs = {"x": (TensorProto.FLOAT, shape), "positions": (TensorProto.INT64, ["batch", "sequence"])}
    held = dict(zip(("cos", "sin"), caches(8)))
    for order in (("x", "x"), ("x", "y0")):
        nodes = [
            helper.make_node("RotaryEmbedding", [x, "positions", "cos", "sin"], [f"y{k}"], f"turn{k}", domain="com.microsoft")
            for k, x in enumerate(order)
        ]
        path = saved(tmp_path / "model.onnx", nodes, inputs, {"y0": shape, "y1": shape}, held, 17)
        new = retargeted(path, "rotary-embedding", "phasor")
        left = count(new, "RotaryEmbedding", "com.microsoft")
        assert count(new, "RotaryEmbedding", "ai.phasor") + left == 2
        assert len(onnx.load(str(new)).graph.node) < 12
        random = np.random.default_rng(0)
        feeds = {"x": random.standard_normal((2, HEADS, 5, 16)).astype(np.float32), "positions": random.integers(0, ROWS, (2, 5))}
        same(path, new, feeds)
