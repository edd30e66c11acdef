"""Every relative position and every sinusoidal embedding is found at the widths of real models.

Files are small: weights of one shape take turns with three tensors, so that queries, keys and values have weights of their own.
"""
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from conftest import PHASOR, ROOT

sys.path.insert(0, str(ROOT / "benches"))
from relative_models import CHANNELS, MODELS, Graph, Widths, embedded, feed_forward, positions  # noqa: E402

HIDDEN = [768, 1024, 1280]
LAYERS = 2
# The sites of each rule in a model of two layers.
SITES = {
    "relative_key": {"relative-gather": LAYERS},
    "relative_key_query": {"relative-gather": 2 * LAYERS},
    "deberta": {"relative-gather": 2 * LAYERS},
    "t5": {"relative-bias": 1},
    "t5_bias": {"relative-bias": 1},
    "t5_decode": {"relative-bias": 1},
    "conformer": {"relative-gather": LAYERS},
}


def widths(hidden):
    return Widths(hidden=hidden, inner=256, layers=LAYERS, words=100, farthest=512, tensors=3)


def layer(g, x, at=None):
    """Attention and feed-forward; DETR adds the positions to queries and keys alone, and anew in each layer."""
    split, joined = [0, 0, g.heads, CHANNELS], [0, 0, g.hidden]
    y = x if at is None else g("Add", x, at)
    q, k, v = (g("Reshape", g.linear(of), split) for of in (y, y, x))
    scores = g("MatMul", g.turn(q, 0, 2, 1, 3), g.turn(k, 0, 2, 3, 1))
    weights = g("Softmax", g("Div", scores, float(np.sqrt(CHANNELS))), axis=-1)
    context = g.turn(g("MatMul", weights, g.turn(v, 0, 2, 1, 3)), 0, 2, 1, 3)
    x = g.norm(g("Add", g.linear(g("Reshape", context, joined)), x))
    return g.norm(g("Add", feed_forward(g, x), x))


def frequencies(g, spread):
    """Of pairs of channels, from 1 down to 1 / 10000 after `spread` pairs."""
    return 10000.0 ** (-np.arange(g.hidden // 2) / spread)


def whisper(g):
    """Positions from 0, all sines before all cosines."""
    x = g.input("features", ["batch", 80, "frames"])
    x = g("Gelu", g("Conv", x, g.weight(g.hidden, 80, 3), g.table(g.hidden), kernel_shape=[3], strides=[2], pads=[1, 1]))
    x = g.turn(x, 0, 2, 1)
    at = g("Unsqueeze", g("Cast", positions(g, g.size(x, 1)), to=TensorProto.FLOAT), [1])
    angles = g("Mul", at, frequencies(g, g.hidden // 2 - 1)[None])
    x = g("Add", x, g("Concat", g("Sin", angles), g("Cos", angles), axis=1))
    for _ in range(LAYERS):
        x = layer(g, x)
    g.output(x, "batch", "half", g.hidden)


def m2m100(g):
    """Positions that pass over padding, the word 1, and start after it; a word of padding has none."""
    _, x = embedded(g)
    x = g("Mul", x, float(np.sqrt(g.hidden)))
    kept = g("Cast", g("Not", g("Equal", "input_ids", np.int64(1))), to=TensorProto.INT32)
    count = g("Cast", g("CumSum", g("Cast", kept, to=TensorProto.INT64), np.int64(1)), to=TensorProto.INT32)
    at = g("Add", g("Cast", g("Mul", count, kept), to=TensorProto.INT64), np.int64(1))
    angles = g("Mul", g("Unsqueeze", g("Cast", at, to=TensorProto.FLOAT), [2]), frequencies(g, g.hidden // 2 - 1))
    waves = g("Concat", g("Sin", angles), g("Cos", angles), axis=-1)
    padding = g("Unsqueeze", g("Equal", at, np.int64(1)), [2])
    x = g("Add", x, g("Where", padding, g("Expand", 0.0, g("Shape", waves)), waves))
    for _ in range(LAYERS):
        x = layer(g, x)
    g.output(x, "batch", "sequence", g.hidden)


def detr(g):
    """Rows and columns of what is no padding, scaled to a turn: half of the channels each, sines and cosines by turns."""
    x = g.input("features", ["batch", g.hidden, "height", "width"])
    mask = g("Cast", g.input("pixel_mask", ["batch", "height", "width"], TensorProto.INT64), to=TensorProto.FLOAT)
    half = g.hidden // 2
    speeds = 10000.0 ** (2 * (np.arange(half) // 2) / half)

    def waves(axis):
        count = g("CumSum", mask, np.int64(axis))
        last = g.slice(count, -1, np.iinfo(np.int64).max, axis)
        turned = g("Mul", g("Div", count, g("Add", last, 1e-6)), 2 * np.pi)
        angles = g("Div", g("Unsqueeze", turned, [3]), speeds)
        even, odd = (g.slice(angles, first, np.iinfo(np.int64).max, 3, 2) for first in (0, 1))
        pairs = [g("Unsqueeze", wave, [4]) for wave in (g("Sin", even), g("Cos", odd))]
        return g.reshape(g("Concat", *pairs, axis=4), g.sizes(*(g.size(mask, n) for n in range(3)), half))

    at = g.turn(g("Concat", waves(1), waves(2), axis=3), 0, 3, 1, 2)
    x, at = (g.turn(g("Reshape", of, [0, 0, -1]), 0, 2, 1) for of in (x, at))
    for _ in range(LAYERS):
        x = layer(g, x, at)
    g.output(x, "batch", "pixels", g.hidden)


SINUSOIDAL = {"whisper": whisper, "m2m100": m2m100, "detr": detr}
# Attention whose scores have no second term that depends on content.
ATTENDING = {"t5": LAYERS, "t5_decode": 2 * LAYERS, "whisper": LAYERS, "m2m100": LAYERS, "detr": LAYERS}
FOUND = {"whisper": 1, "m2m100": 1, "detr": 2}


def written(folder, writer, hidden):
    g = Graph(widths=widths(hidden))
    writer(g)
    model = g.model()
    onnx.checker.check_model(model)
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path


def phasor(*words):
    done = subprocess.run([PHASOR, *map(str, words), "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def counts(sites, name):
    """How many sites a rule has, of the models whose scores have one term the attention of each layer left out."""
    rules = [site["rule"] for site in sites]
    found = {rule: rules.count(rule) for rule in rules}
    assert found.pop("attention", 0) == ATTENDING.get(name, 0)
    return found


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("name", MODELS)
def test_relative_positions_are_found(tmp_path, name, hidden):
    report = phasor("inspect", written(tmp_path, MODELS[name], hidden))
    assert counts(report["sites"], name) == SITES[name], report["refusals"]
    assert report["gave_up"] == []
    for site in report["sites"]:
        assert site["rule"] != "relative-bias" or site["heads"] == hidden // CHANNELS


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("name", SINUSOIDAL)
def test_sinusoidal_embeddings_are_found(tmp_path, name, hidden):
    report = phasor("inspect", written(tmp_path, SINUSOIDAL[name], hidden))
    assert counts(report["sites"], name) == {"sinusoidal": FOUND[name]}, report["refusals"]
    assert report["gave_up"] == []
    for site in (site for site in report["sites"] if site["rule"] == "sinusoidal"):
        assert site["width"] == hidden // FOUND[name]
        assert site["layout"] == ("interleaved" if name == "detr" else "half")


# The sizes to verify with, beside a batch of 2.
DIMS = {"whisper": ["frames=9"], "detr": ["height=3", "width=4"], "t5_bias": ["sequence=9"], "t5_decode": ["sequence=5", "past=9"]}


@pytest.mark.parametrize("name", [*MODELS, *SINUSOIDAL])
def test_fused_models_are_verified(tmp_path, name):
    path = written(tmp_path, {**MODELS, **SINUSOIDAL}[name], HIDDEN[0])
    dims = [word for dim in ["batch=2", *DIMS.get(name, ["sequence=9"])] for word in ("--dim", dim)]
    report = phasor("fuse", path, "-o", tmp_path / "fused.onnx", "--engine", "tract", "--require-verified", *dims)
    sites = SITES.get(name) or {"sinusoidal": FOUND[name]}
    assert counts(report["sites"], name) == sites
    found = {rule["rule"]: rule["sites"] for rule in report["rules"]}
    assert {**found, "attention": 0} == {**sites, "attention": 0}
    assert report["verdict"] == "fused" and report["unsupported"] == []
