"""A Llama that decodes one token a sequence, in f16, as PyTorch exports it: rotary embeddings by slices, negation and concatenation.

Sizes are fixed, so that its CUDA graph can be captured. All layers have the same weights, random ones: they are larger than the caches
of a GPU, so each layer reads them from memory as it would its own, and the file is a fraction of the model's size. The graph refers to
them as external data, which `write_weights` makes; a graph can be fused before there are any.
"""
import dataclasses

import numpy as np
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = "weights.bin"
HALF, FLOAT, LONG = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.INT64
# Random numbers that are repeated; more would not be more random to a GPU.
BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Sizes:
    layers: int = 32
    hidden: int = 4096
    batch: int = 1
    past: int = 512
    channels: int = 128
    vocabulary: int = 32000

    @property
    def heads(self):
        return self.hidden // self.channels

    @property
    def keys(self):
        return max(self.heads // 4, 1)

    @property
    def inner(self):
        return self.hidden * 7 // 2


def weights(sizes):
    """Names and shapes of the weights, in the order of the file."""
    wide, narrow = sizes.heads * sizes.channels, sizes.keys * sizes.channels
    return {
        "embed": (sizes.vocabulary, sizes.hidden),
        "q": (sizes.hidden, wide),
        "k": (sizes.hidden, narrow),
        "v": (sizes.hidden, narrow),
        "o": (wide, sizes.hidden),
        "gate": (sizes.hidden, sizes.inner),
        "up": (sizes.hidden, sizes.inner),
        "down": (sizes.inner, sizes.hidden),
        "head": (sizes.hidden, sizes.vocabulary),
    }


def write_weights(sizes, folder):
    """Products of what has unit variance with them have it too."""
    block = np.random.default_rng(1).standard_normal(BLOCK, np.float32)
    with open(folder / WEIGHTS, "wb") as file:
        for name, shape in weights(sizes).items():
            scaled = (block / (1 if name == "embed" else shape[0] ** 0.5)).astype(np.float16).tobytes()
            left = 2 * shape[0] * shape[1]
            while left:
                left -= file.write(scaled[: min(left, len(scaled))])


class Graph:
    """A graph in the making; values are names."""

    def __init__(self):
        self.nodes, self.initializers, self.known = [], [], {}

    def __call__(self, operator, *inputs, **attributes):
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.value(i) for i in inputs], [name], name=name, **attributes))
        return name

    def value(self, value):
        """A name, or that of a constant: lists are of int64, arrays of their own type."""
        if isinstance(value, str):
            return value
        array = np.asarray(value, np.int64) if isinstance(value, list) else value
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = f"constant_{len(self.known)}"
            self.initializers.append(numpy_helper.from_array(array, self.known[key]))
        return self.known[key]

    def norm(self, x, sizes):
        """In f32, with the weight in f16."""
        wide = self("Cast", x, to=FLOAT)
        mean = self("ReduceMean", self("Pow", wide, np.float32(2)), axes=[-1], keepdims=1)
        scale = self("Reciprocal", self("Sqrt", self("Add", mean, np.float32(1e-5))))
        return self("Mul", np.ones(sizes.hidden, np.float16), self("Cast", self("Mul", wide, scale), to=HALF))

    def turned(self, x, cos, sin, half):
        first, second = self("Slice", x, [0], [half], [3], [1]), self("Slice", x, [half], [2**63 - 1], [3], [1])
        return self("Add", self("Mul", x, cos), self("Mul", self("Concat", self("Neg", second), first, axis=-1), sin))

    def repeated(self, x, sizes):
        """Keys or values, once a query head."""
        batch, length, times = sizes.batch, sizes.past + 1, sizes.heads // sizes.keys
        each = self("Expand", self("Unsqueeze", x, [2]), [batch, sizes.keys, times, length, sizes.channels])
        return self("Reshape", each, [batch, sizes.heads, length, sizes.channels])


def model(sizes):
    """The graph, without its weights. Inputs: `ids` and `positions` `[batch, 1]`, past keys and values."""
    g, half = Graph(), sizes.channels // 2
    inverse = (10000.0 ** (-np.arange(half) * 2 / sizes.channels)).astype(np.float32)[None, :, None]
    frequencies = g("Expand", inverse, [sizes.batch, half, 1])
    positions = g("Cast", g("Unsqueeze", "positions", [1]), to=FLOAT)
    angles = g("Transpose", g("MatMul", frequencies, positions), perm=[0, 2, 1])
    both = g("Concat", angles, angles, axis=-1)
    cos, sin = (g("Unsqueeze", g("Cast", g(function, both), to=HALF), [1]) for function in ("Cos", "Sin"))
    x = g("Gather", "embed", "ids")
    cache = [sizes.batch, sizes.keys, sizes.past, sizes.channels]
    inputs = [helper.make_tensor_value_info(name, LONG, [sizes.batch, 1]) for name in ("ids", "positions")]
    outputs = [helper.make_tensor_value_info("logits", HALF, [sizes.batch, 1, sizes.vocabulary])]

    def heads(normed, weight, count):
        return g("Transpose", g("Reshape", g("MatMul", normed, weight), [sizes.batch, 1, count, sizes.channels]), perm=[0, 2, 1, 3])

    for layer in range(sizes.layers):
        normed = g.norm(x, sizes)
        q = g.turned(heads(normed, "q", sizes.heads), cos, sin, half)
        k = g.turned(heads(normed, "k", sizes.keys), cos, sin, half)
        whole = {}
        for name, new in (("key", k), ("value", heads(normed, "v", sizes.keys))):
            past, present = f"past_{name}_{layer}", f"present_{name}_{layer}"
            inputs.append(helper.make_tensor_value_info(past, HALF, cache))
            outputs.append(helper.make_tensor_value_info(present, HALF, [*cache[:2], sizes.past + 1, sizes.channels]))
            g.nodes.append(helper.make_node("Concat", [past, new], [present], name=present, axis=2))
            whole[name] = g.repeated(present, sizes)
        scores = g("Mul", g("MatMul", q, g("Transpose", whole["key"], perm=[0, 1, 3, 2])), np.float16(sizes.channels**-0.5))
        shares = g("Cast", g("Softmax", g("Cast", scores, to=FLOAT), axis=-1), to=HALF)
        mixed = g("Transpose", g("MatMul", shares, whole["value"]), perm=[0, 2, 1, 3])
        x = g("Add", x, g("MatMul", g("Reshape", mixed, [sizes.batch, 1, sizes.heads * sizes.channels]), "o"))
        normed = g.norm(x, sizes)
        gate = g("MatMul", normed, "gate")
        x = g("Add", x, g("MatMul", g("Mul", g("Mul", gate, g("Sigmoid", gate)), g("MatMul", normed, "up")), "down"))
    g.nodes.append(helper.make_node("MatMul", [g.norm(x, sizes), "head"], ["logits"], name="logits"))

    offset, external = 0, []
    for name, shape in weights(sizes).items():
        tensor = TensorProto(name=name, data_type=HALF, dims=shape, data_location=TensorProto.EXTERNAL)
        bytes_ = 2 * shape[0] * shape[1]
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", bytes_)):
            tensor.external_data.add(key=key, value=str(value))
        external.append(tensor)
        offset += bytes_
    graph = helper.make_graph(g.nodes, "llama", inputs, outputs, [*external, *g.initializers])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), offset


def feeds(sizes, step):
    """Inputs; tokens and positions change with the step."""
    random = np.random.default_rng(2)
    made = {
        "ids": (np.arange(sizes.batch, dtype=np.int64)[:, None] * 7 + step) % sizes.vocabulary,
        "positions": np.full((sizes.batch, 1), sizes.past + step, np.int64),
    }
    shape = (sizes.batch, sizes.keys, sizes.past, sizes.channels)
    for name in ("key", "value"):
        # The same in all layers, for it takes long to make.
        cache = random.standard_normal(shape, np.float32).astype(np.float16)
        made.update({f"past_{name}_{layer}": cache for layer in range(sizes.layers)})
    return made
