"""A small valid use of every operator, for tests that treat all of them alike."""

import pathlib
import re

import numpy as np
import onnx
from common import DOMAIN
from onnx import helper

PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators"


def _floats(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def _frequencies():
    return {"frequencies": 10000.0 ** (-np.arange(16) / 16), "target_type": np.zeros([], np.float32)}


def _tables(length):
    return {"cos": _floats(length, 16), "sin": _floats(length, 16)}


def _attention(length):
    states = {"Q": _floats(2, 4, length, 8), "K": _floats(2, 2, length + 3, 8), "V": _floats(2, 2, length + 3, 6)}
    mask = np.tril(np.ones((length, length + 3), bool), 3)
    return {"scale": 0.3, "causal": 1}, {**states, "bias": _floats(length + 3), "mask": mask}, ["Y"]


def _cached_attention(length):
    attributes, inputs, outputs = _attention(length)
    for name in "KV":
        whole = inputs[name]
        inputs |= {name: whole[:, :, 3:].copy(), f"past_{name}": whole[:, :, :3].copy()}
    return attributes, inputs, [*outputs, "present_K", "present_V"]


def _distances(length):
    """Positions with a gap, so that not all of them are consecutive, and a lookup table of 33 entries below 9."""
    positions = np.arange(length) + (np.arange(length) > length // 2)
    return {"lut": np.abs(np.arange(-16, 17)) // 2, "query_positions": positions, "key_positions": positions + 3}


# Attributes, inputs by name, and names of the outputs, for a sequence of some length.
SAMPLES = {
    "RotaryEmbedding": lambda n: ({"interleaved": 1}, {"X": _floats(2, 4, n, 32), **_tables(n)}, ["Y"]),
    "RotaryEmbeddingPair": lambda n: ({}, {"Q": _floats(1, 8, n, 32), "K": _floats(1, 2, n, 32), **_tables(n)}, ["YQ", "YK"]),
    "RotaryHeads": lambda n: ({"first_head": 4, "end_head": 6}, {"X": _floats(2, n, 8, 32), **_tables(n)}, ["Y"]),
    "RotaryTable": lambda n: ({"precise": 1}, {"positions": np.arange(n) * 977, **_frequencies()}, ["cos", "sin"]),
    "SinusoidalEmbedding": lambda n: ({"width": 33}, {"positions": np.arange(n) * 31, **_frequencies()}, ["embedding"]),
    "RelativePositionBias": lambda n: ({}, {"table": _floats(9, 4), **_distances(n)}, ["bias"]),
    "AlibiBias": lambda n: ({"absolute": 1}, {"slopes": _floats(4), **{k: v for k, v in _distances(n).items() if k != "lut"}}, ["bias"]),
    "RelativeGather": lambda n: ({}, {"scores": _floats(2, 4, n, 9), **_distances(n)}, ["output"]),
    "Attention": _attention,
    "CachedAttention": _cached_attention,
}


def operators():
    """The names of all operators, those of the pages."""
    return sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README")


def attributes(name):
    """The attributes of an operator, as its page lists them."""
    section = (PAGES / f"{name}.md").read_text(encoding="utf-8").split("\n## Attributes\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def value_info(name, array, shape=None):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)


def model(nodes, inputs, outputs, initializers=(), opset=17):
    """A model of nodes; inputs are arrays by name, of which the types are taken, and outputs names of floats."""
    given = [value_info(name, array) for name, array in inputs.items()]
    made = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", given, made, list(initializers))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def single(name, length=5, attributes=None):
    """A model of one node, and its inputs."""
    given, inputs, outputs = SAMPLES[name](length)
    node = helper.make_node(name, list(inputs), outputs, domain=DOMAIN, name="n", **(given if attributes is None else attributes))
    return model([node], inputs, outputs), inputs
