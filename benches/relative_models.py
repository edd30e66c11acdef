"""Models with relative positions at the widths of real ones, as exporters spell them: `MODELS`, by name.

* `relative_key` and `relative_key_query` are BERT's with Shaw's relative keys: a table of 1023 distances is gathered to [L, L, 64] in each
  layer and multiplied with queries, or with queries and keys, in an Einsum.
* `deberta` is DeBERTa-v3's: logarithmic buckets of distances, scores with 512 relative positions, and GatherElements from content to position
  and, transposed, from position to content.
* `t5` is T5's encoder: logarithmic buckets, a table of 32 rows, a bias that all layers add. `t5_bias` is that bias alone.
* `t5_decode` is one step of T5's decoder: one query, caches of keys and values as inputs and outputs, buckets of the past alone.
* `conformer` is Wav2Vec2-Conformer's encoder, after its convolutions of samples: rows of a sinusoidal table around the distance 0, and in
  each layer the shift of Transformer-XL (a column of zeros before the scores, Reshape, Slice, Reshape, Slice).

Weights are random; batch, sequence and past are symbolic. `model` writes a model of the given `Widths`. The module needs onnx and numpy.
"""
import collections
import dataclasses

import needs

with needs.packages("numpy", "onnx"):
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

CHANNELS = 64
ELEMENTS = {"f32": (np.float32, TensorProto.FLOAT), "f16": (np.float16, TensorProto.FLOAT16)}
TO_THE_END = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True)
class Widths:
    """Sizes of a model. `farthest`: those of the Conformer's table of distances. `tensors`: where it is not 0, weights of one shape take turns
    with so many tensors, for small files.
    """

    hidden: int = 768
    inner: int = 3072
    layers: int = 2
    words: int = 1000
    farthest: int = 5000
    tensors: int = 0

    @property
    def heads(self):
        return self.hidden // CHANNELS


class Graph:
    """A model that is being written."""

    def __init__(self, dtype="f32", widths=Widths()):
        self.numbers, self.element = ELEMENTS[dtype]
        self.widths, self.hidden, self.heads = widths, widths.hidden, widths.heads
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.random, self.weights = np.random.default_rng(1), {}

    def __call__(self, op_type, *inputs, **attributes):
        """A node; inputs that are no names become constants of the model's type, or of integers."""
        output = f"v{len(self.nodes)}"
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(op_type, names, [output], name=f"n{len(self.nodes)}", **attributes))
        return output

    def constant(self, value):
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(self.numbers)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, *shape):
        """A matrix whose products with numbers around 1 are around 1."""
        return self.drawn(shape, 1 / np.sqrt(shape[0]))

    def table(self, *shape):
        """Numbers around 1."""
        return self.drawn(shape, 1)

    def drawn(self, shape, deviation):
        made = self.weights.setdefault((shape, deviation), collections.deque())
        if not made or len(made) != self.widths.tensors:
            made.append(self.constant(deviation * self.random.standard_normal(shape)))
        else:
            made.rotate(-1)
        return made[-1]

    def input(self, name, dims, element=None):
        self.inputs.append(helper.make_tensor_value_info(name, element or self.element, dims))
        return name

    def ids(self, name, *dims):
        return self.input(name, dims or ["batch", "sequence"], TensorProto.INT64)

    def output(self, value, *dims):
        self.outputs.append(helper.make_tensor_value_info(value, self.element, dims))

    def linear(self, x, rows=None, columns=None, biased=True):
        columns = columns or self.hidden
        return self.project(x, (self.weight(rows or self.hidden, columns), self.table(columns) if biased else None))

    def project(self, x, weights):
        product = self("MatMul", x, weights[0])
        return product if weights[1] is None else self("Add", product, weights[1])

    def norm(self, x):
        return self("LayerNormalization", x, self.table(self.hidden), self.table(self.hidden), axis=-1, epsilon=1e-12)

    def size(self, value, axis):
        return self("Shape", value, start=axis, end=axis + 1)

    def flat(self, scalar):
        return self("Reshape", scalar, [-1])

    def sizes(self, *parts):
        return self("Concat", *([part] if isinstance(part, int) else part for part in parts), axis=0)

    def reshape(self, x, shape):
        return self("Reshape", x, shape, allowzero=1)

    def turn(self, x, *perm):
        return self("Transpose", x, perm=perm)

    def slice(self, x, start, end, axis, step=1):
        return self("Slice", x, *([part] if isinstance(part, int) else part for part in (start, end, axis, step)))

    def model(self):
        graph = helper.make_graph(self.nodes, "model", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def positions(g, length):
    return g("Range", np.int64(0), g("Squeeze", length), np.int64(1))


def embedded(g):
    """Ids, their mask and their rows in a table of words."""
    ids, mask = g.ids("input_ids"), g.ids("attention_mask")
    return mask, g("Gather", g.table(g.widths.words, g.hidden), ids)


def mask_to_add(g, mask):
    mask = g("Unsqueeze", mask, np.array([1, 2]))
    kept = g("Sub", 1.0, g("Cast", mask, to=g.element))
    return g("Mul", kept, float(np.finfo(g.numbers).min))


def feed_forward(g, x, gated_by="Gelu"):
    inner = g(gated_by, g.linear(x, columns=g.widths.inner, biased=False))
    return g.linear(inner, rows=g.widths.inner, biased=False)


def bert(g, with_keys):
    mask, x = embedded(g)
    batch, length = g.size(mask, 0), g.size(mask, 1)
    x = g.norm(x)
    to_add = mask_to_add(g, mask)
    split, joined = g.sizes(batch, -1, g.heads, CHANNELS), g.sizes(batch, length, g.hidden)
    index = None
    for _ in range(g.widths.layers):
        q, k, v = (g.reshape(g.linear(x), split) for _ in range(3))
        q, v = (g.turn(t, 0, 2, 1, 3) for t in (q, v))
        scores = g("MatMul", q, g.turn(k, 0, 2, 3, 1))
        if index is None:
            at = positions(g, length)
            distance = g("Sub", g.reshape(at, [-1, 1]), g.reshape(at, [1, -1]))
            index = g("Sub", g("Add", distance, np.int64(512)), np.int64(1))
        relative = g("Gather", g.table(1023, CHANNELS), index, axis=0)
        scores = g("Add", scores, g("Einsum", q, relative, equation="bhld,lrd->bhlr"))
        if with_keys:
            keys = g.turn(k, 0, 2, 1, 3)
            scores = g("Add", scores, g("Einsum", keys, relative, equation="bhrd,lrd->bhlr"))
        scores = g("Add", g("Div", scores, float(np.sqrt(CHANNELS))), to_add)
        context = g("MatMul", g("Softmax", scores, axis=-1), v)
        context = g.reshape(g.turn(context, 0, 2, 1, 3), joined)
        x = g.norm(g("Add", g.linear(context), x))
        x = g.norm(g("Add", feed_forward(g, x), x))
    g.output(x, "batch", "sequence", g.hidden)


def deberta_buckets(g, length):
    """Buckets of the distances from keys to queries, [1, L, L]."""
    middle, most = 128, 512
    at = positions(g, length)
    distance = g("Sub", g("Unsqueeze", at, [1]), g("Unsqueeze", at, [0]))
    sign = g("Sign", distance)
    near = g("And", g("Less", distance, np.int64(middle)), g("Greater", distance, np.int64(-middle)))
    size = g("Where", near, np.int64(middle - 1), g("Abs", distance))
    single = np.float32
    logs = g("Log", g("Div", g("Cast", size, to=TensorProto.FLOAT), single(middle)))
    far = g("Mul", g("Div", logs, single(np.log((most - 1) / middle))), single(middle - 1))
    far = g("Add", g("Ceil", far), single(middle))
    far = g("Mul", far, g("Cast", sign, to=TensorProto.FLOAT))
    chosen = g("Where", g("LessOrEqual", size, np.int64(middle)), g("Cast", distance, to=TensorProto.FLOAT), far)
    return g("Unsqueeze", g("Cast", chosen, to=TensorProto.INT64), [0])


def deberta(g):
    span = 256
    attended, x = embedded(g)
    batch, length = g.size(attended, 0), g.size(attended, 1)
    x = g.norm(x)
    mask = g("Unsqueeze", attended, np.array([1, 2]))
    mask = g("Mul", mask, g("Unsqueeze", g("Squeeze", mask, [-2]), [-1]))
    blocked = g("Not", g("Cast", mask, to=TensorProto.BOOL))
    buckets = deberta_buckets(g, length)
    table = g.norm(g.table(2 * span, g.hidden))
    scale = float(np.sqrt(3 * CHANNELS))
    split, flat = g.sizes(batch, length, g.heads, -1), g.sizes(-1, length, CHANNELS)
    repeated = g.sizes(batch, 1, 1)
    for _ in range(g.widths.layers):
        project = [(g.weight(g.hidden, g.hidden), g.table(g.hidden)) for _ in range(3)]

        def relative(weights):
            rows = g.project(g("Unsqueeze", table, [0]), weights)
            rows = g.reshape(rows, [1, 2 * span, g.heads, -1])
            rows = g.reshape(g.turn(rows, 0, 2, 1, 3), [-1, 2 * span, CHANNELS])
            return g.turn(g("Tile", g("Expand", rows, [1, 1, 1]), repeated), 0, 2, 1)

        def gathered(product, index):
            index = g("Clip", g("Add", index, np.int64(span)), np.int64(0), np.int64(2 * span - 1))
            matrices = g("Mul", np.int64(g.heads), g("Squeeze", batch))
            shape = g.sizes(g.flat(matrices), length, length)
            return g("GatherElements", product, g("Expand", g("Squeeze", index, [0]), shape), axis=-1)

        q, k, v = (g.reshape(g.turn(g.reshape(g.project(x, w), split), 0, 2, 1, 3), flat) for w in project)
        scores = g("MatMul", q, g("Div", g.turn(k, 0, 2, 1), scale))
        index = g("Squeeze", g("Unsqueeze", buckets, [1]), [1])
        c2p = g("Div", gathered(g("MatMul", q, relative(project[1])), index), scale)
        p2c = gathered(g("MatMul", k, relative(project[0])), g("Neg", index))
        p2c = g("Div", g.turn(p2c, 0, 2, 1), scale)
        scores = g("Add", scores, g("Add", c2p, p2c))
        scores = g.reshape(scores, g.sizes(-1, g.heads, length, length))
        weights = g("Softmax", g("Where", blocked, float(np.finfo(g.numbers).min), scores), axis=-1)
        context = g("MatMul", g.reshape(weights, g.sizes(-1, length, length)), v)
        context = g.reshape(context, g.sizes(-1, g.heads, length, CHANNELS))
        context = g.reshape(g.turn(context, 0, 2, 1, 3), g.sizes(batch, length, -1))
        x = g.norm(g("Add", g.linear(context), x))
        x = g.norm(g("Add", feed_forward(g, x), x))
    g.output(x, "batch", "sequence", g.hidden)


def t5_buckets(g, size, exact):
    """Buckets of distances that are no longer signed: `exact` of one distance each, and as many logarithmic ones."""
    logs = g("Log", g("Div", g("Cast", size, to=TensorProto.FLOAT), np.float32(exact)))
    far = g("Mul", g("Div", logs, np.float32(np.log(128 / exact))), np.float32(exact))
    far = g("Add", g("Cast", far, to=TensorProto.INT64), np.int64(exact))
    far = g("Min", far, g("Expand", np.int64(2 * exact - 1), g("Shape", far)))
    return g("Where", g("Less", size, np.int64(exact)), size, far)


def t5_gathered(g, buckets):
    rows = g("Gather", g.table(32, g.heads), buckets)
    return g("Unsqueeze", g.turn(rows, 2, 0, 1), [0])


def t5_encoder_bias(g, length):
    at = positions(g, length)
    distance = g("Sub", g("Unsqueeze", at, [0]), g("Unsqueeze", at, [1]))
    later = g("Mul", g("Cast", g("Greater", distance, np.int64(0)), to=TensorProto.INT64), np.int64(16))
    return t5_gathered(g, g("Add", later, t5_buckets(g, g("Abs", distance), 8)))


def t5_bias(g):
    g.output(t5_encoder_bias(g, g.size(g.ids("input_ids"), 1)), 1, g.heads, "sequence", "sequence")


def t5_norm(g, x):
    mean = g("ReduceMean", g("Pow", x, 2.0), [-1], keepdims=1)
    return g("Mul", g.table(g.hidden), g("Mul", x, g("Reciprocal", g("Sqrt", g("Add", mean, 1e-6)))))


def t5_heads(g, x, split):
    return g.turn(g.reshape(g.linear(x, biased=False), split), 0, 2, 1, 3)


def t5_attention(g, q, k, v, bias, joined):
    weights = g("Softmax", g("Add", g("MatMul", q, k), bias), axis=-1)
    context = g.turn(g("MatMul", weights, v), 0, 2, 1, 3)
    return g.linear(g.reshape(context, joined), biased=False)


def t5(g):
    mask, x = embedded(g)
    batch, length = g.size(mask, 0), g.size("input_ids", 1)
    to_add = mask_to_add(g, mask)
    split, joined = g.sizes(batch, -1, g.heads, CHANNELS), g.sizes(batch, -1, g.hidden)
    bias = None
    for _ in range(g.widths.layers):
        y = t5_norm(g, x)
        q, v = t5_heads(g, y, split), t5_heads(g, y, split)
        k = g.turn(g.reshape(g.linear(y, biased=False), split), 0, 2, 3, 1)
        bias = bias or g("Add", t5_encoder_bias(g, length), to_add)
        x = g("Add", x, t5_attention(g, q, k, v, bias, joined))
        x = g("Add", x, feed_forward(g, t5_norm(g, x), "Relu"))
    g.output(t5_norm(g, x), "batch", "sequence", g.hidden)


def t5_decode(g):
    ids, mask = g.ids("input_ids", "batch", 1), g.ids("attention_mask")
    cache = lambda name, length: g.input(name, ["batch", g.heads, length, CHANNELS])
    own = [[cache(f"past_{n}_{kind}", "past") for kind in "kv"] for n in range(g.widths.layers)]
    other = [[cache(f"past_{n}_c{kind}", "sequence") for kind in "kv"] for n in range(g.widths.layers)]
    lowest = float(np.finfo(g.numbers).min)
    past, read = g("Squeeze", g.size(own[-1][1], 2)), g.size(other[-1][1], 2)
    x = g("Gather", g.table(g.widths.words, g.hidden), g.reshape(ids, [-1, 1]))
    keys = g("Add", past, np.int64(1))
    at = g("Range", past, keys, np.int64(1))
    after = g("Greater", g("Range", np.int64(0), keys, np.int64(1)), g.reshape(at, [-1, 1]))
    blocked = g("Mul", g("Expand", lowest, g.sizes(1, g.flat(keys))), g("Cast", after, to=g.element))
    blocked = g("Expand", g("Unsqueeze", blocked, [0, 1]), g.sizes(g.size(ids, 0), 1, 1, 1))
    blocked = g.slice(blocked, 0, g.flat(keys), 3)
    to_read = g("Expand", 0.0, g.sizes(1, g.heads, 1, read))
    to_read = g("Add", to_read, g.slice(mask_to_add(g, mask), 0, read, 3))
    split, joined = [-1, 1, g.heads, CHANNELS], [-1, 1, g.hidden]
    bias = None
    for (past_k, past_v), (read_k, read_v) in zip(own, other):
        y = t5_norm(g, x)
        q, k, v = (t5_heads(g, y, split) for _ in range(3))
        k, v = g("Concat", past_k, k, axis=-2), g("Concat", past_v, v, axis=-2)
        for present in (k, v):
            g.output(present, "batch", g.heads, "past + 1", CHANNELS)
        if bias is None:
            all_keys = g("Range", np.int64(0), keys, np.int64(1))
            distance = g("Sub", g("Unsqueeze", all_keys, [0]), g("Unsqueeze", at, [1]))
            behind = g("Neg", g("Min", distance, g("Expand", np.int64(0), g("Shape", distance))))
            bias = g("Add", t5_gathered(g, t5_buckets(g, behind, 16)), blocked)
        x = g("Add", x, t5_attention(g, q, g.turn(k, 0, 1, 3, 2), v, bias, joined))
        q = t5_heads(g, t5_norm(g, x), split)
        x = g("Add", x, t5_attention(g, q, g.turn(read_k, 0, 1, 3, 2), read_v, to_read, joined))
        x = g("Add", x, feed_forward(g, t5_norm(g, x), "Relu"))
    g.output(t5_norm(g, x), "batch", 1, g.hidden)


def sinusoids_around_zero(g):
    """Rows of the distances from `farthest` - 1 down to its negative, [1, 2 `farthest` - 1, hidden], sines and cosines by turns."""
    distances = np.arange(g.widths.farthest - 1, -g.widths.farthest, -1)
    angles = distances[:, None] * 10000.0 ** (-np.arange(0, g.hidden, 2) / g.hidden)
    return g.constant(np.stack([np.sin(angles), np.cos(angles)], -1).reshape(1, -1, g.hidden))


def conformer(g):
    x = g.input("features", ["batch", "sequence", g.hidden])
    batch, length = g.size(x, 0), g("Squeeze", g.size(x, 1))
    last = np.int64(g.widths.farthest - 1)
    first, end = g("Add", g("Sub", last, length), np.int64(1)), g("Add", last, length)
    rows = g.slice(sinusoids_around_zero(g), g.flat(first), g.flat(end), 1)
    doubled, length = g("Mul", np.int64(2), length), g.flat(length)
    split, joined = g.sizes(batch, -1, g.heads, CHANNELS), g.sizes(batch, length, g.hidden)
    zeros = g("Expand", 0.0, g.sizes(batch, g.heads, length, 1))
    tall = g.sizes(batch, g.heads, g.flat(doubled), length)
    wide = g.sizes(batch, g.heads, length, g.flat(g("Add", np.int64(-1), doubled)))

    def shifted(scores):
        padded = g.reshape(g("Concat", zeros, scores, axis=-1), tall)
        return g.slice(g.reshape(g.slice(padded, 1, TO_THE_END, 2), wide), 0, length, 3)

    def half_step(x):
        inner = g("Gelu", g.linear(g.norm(x), columns=g.widths.inner))
        return g("Add", g("Mul", g.linear(inner, rows=g.widths.inner), 0.5), x)

    def convolved(x):
        turned = g.turn(g.norm(x), 0, 2, 1)
        gates = g("Conv", turned, g.weight(2 * g.hidden, g.hidden, 1), kernel_shape=[1])
        gated = g.slice(gates, 0, g.hidden, 1)
        gated = g("Mul", gated, g("Sigmoid", g.slice(gates, g.hidden, TO_THE_END, 1)))
        near = g("Conv", gated, g.table(g.hidden, 1, 31), g.table(g.hidden), group=g.hidden, kernel_shape=[31], pads=[15, 15])
        mixed = g("Conv", g("Gelu", near), g.weight(g.hidden, g.hidden, 1), kernel_shape=[1])
        return g("Add", x, g.turn(mixed, 0, 2, 1))

    for _ in range(g.widths.layers):
        x = half_step(x)
        y = g.norm(x)
        q, k, v = (g.reshape(g.linear(y), split) for _ in range(3))
        of_rows = g.reshape(g.linear(rows, biased=False), [1, -1, g.heads, CHANNELS])
        of_content, of_position = (g.turn(g("Add", q, g.table(g.heads, CHANNELS)), 0, 2, 1, 3) for _ in range(2))
        scores = g("MatMul", of_content, g.turn(k, 0, 2, 3, 1))
        scores = g("Add", scores, shifted(g("MatMul", of_position, g.turn(of_rows, 0, 2, 3, 1))))
        weights = g("Softmax", g("Div", scores, float(np.sqrt(CHANNELS))), axis=-1)
        context = g.turn(g("MatMul", weights, g.turn(v, 0, 2, 1, 3)), 0, 2, 1, 3)
        x = g("Add", g.linear(g.reshape(context, joined)), x)
        x = g.norm(half_step(convolved(x)))
    g.output(g.norm(x), "batch", "sequence", g.hidden)


MODELS = {
    "relative_key": lambda g: bert(g, False),
    "relative_key_query": lambda g: bert(g, True),
    "deberta": deberta,
    "t5": t5,
    "t5_bias": t5_bias,
    "t5_decode": t5_decode,
    "conformer": conformer,
}
# The sizes of the smallest real model, where they are not those of BERT, T5 and DeBERTa.
WIDTHS = {"conformer": Widths(hidden=1024, inner=4096)}


def model(name, dtype="f32", widths=None):
    graph = Graph(dtype, widths or WIDTHS.get(name, Widths()))
    MODELS[name](graph)
    return graph.model()
