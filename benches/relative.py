#!/usr/bin/env python3
"""Models with relative positions at real widths, as exporters spell them, before and after `phasor fuse`.

    python benches/relative.py [--phasor PATH] [--ops PATH] [--rounds N] [--only TEXT] [--lengths N,N] [--json]

Each model has two layers of hidden size 768, with 12 heads of 64 channels, random weights, and symbolic batch and sequence:

* `relative_key` and `relative_key_query` are BERT's with Shaw's relative keys: a table of 1023 distances is gathered to [L, L, 64] in each
  layer and multiplied with queries, or with queries and keys, in an Einsum.
* `deberta` is DeBERTa-v3's: logarithmic buckets of distances, scores with 512 relative positions, and GatherElements from content to position
  and, transposed, from position to content.
* `t5` is the bias of T5's encoder: logarithmic buckets, a table of 32 rows, added in both layers.

Original and fused model run in one process on one thread, in an order shuffled anew every round. What counts is the time of the processor,
which bears other load on the machine; what is compared are ratios of the fastest rounds. Where nothing is found to fuse the ratio is 1.
`MB` is the largest resident set of a process that loads the model and runs it once. Half precision runs where ONNX Runtime has the
kernels. Needs onnxruntime, onnx and numpy; Linux.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS, HIDDEN, HEADS, CHANNELS, INNER, WORDS = 2, 768, 12, 64, 3072, 1000
ELEMENTS = {"f32": (np.float32, TensorProto.FLOAT), "f16": (np.float16, TensorProto.FLOAT16)}
INTS = np.int64


class Graph:
    """The nodes and constants of a model that is being written."""

    def __init__(self, dtype):
        self.numbers, self.element = ELEMENTS[dtype]
        self.nodes, self.constants = [], []
        self.random = np.random.default_rng(1)

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
        return self.constant(self.random.standard_normal(shape) / np.sqrt(shape[0]))

    def linear(self, x, weight, bias=None):
        product = self("MatMul", x, weight)
        return product if bias is None else self("Add", product, bias)

    def norm(self, x):
        return self("LayerNormalization", x, self.weight(HIDDEN), self.weight(HIDDEN), axis=-1, epsilon=1e-12)

    def size(self, value, axis):
        return self("Shape", value, start=axis, end=axis + 1)

    def model(self, output):
        ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"]) for n in ("input_ids", "attention_mask")]
        result = helper.make_tensor_value_info(output, self.element, ["batch", "sequence", HIDDEN])
        graph = helper.make_graph(self.nodes, "encoder", ids, [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def positions(g, length):
    return g("Range", np.int64(0), g("Squeeze", length), np.int64(1))


def mask_to_add(g):
    mask = g("Unsqueeze", "attention_mask", np.array([1, 2]))
    kept = g("Sub", 1.0, g("Cast", mask, to=g.element))
    return g("Mul", kept, float(np.finfo(g.numbers).min))


def feed_forward(g, x, gated_by="Gelu"):
    inner = g(gated_by, g.linear(x, g.weight(HIDDEN, INNER)))
    return g.linear(inner, g.weight(INNER, HIDDEN))


def bert(g, with_keys):
    batch, length = g.size("attention_mask", 0), g.size("attention_mask", 1)
    x = g.norm(g("Gather", g.weight(WORDS, HIDDEN), "input_ids"))
    mask = mask_to_add(g)
    split = g("Concat", batch, [-1], [HEADS], [CHANNELS], axis=0)
    joined = g("Concat", batch, length, [HIDDEN], axis=0)
    index = None
    for _ in range(LAYERS):
        q, k, v = (g("Reshape", g.linear(x, g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN)), split, allowzero=1) for _ in range(3))
        q, v = (g("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
        scores = g("MatMul", q, g("Transpose", k, perm=[0, 2, 3, 1]))
        if index is None:
            at = positions(g, length)
            distance = g("Sub", g("Reshape", at, [-1, 1], allowzero=1), g("Reshape", at, [1, -1], allowzero=1))
            index = g("Sub", g("Add", distance, np.int64(512)), np.int64(1))
        relative = g("Gather", g.weight(1023, CHANNELS), index, axis=0)
        of_query = g("Einsum", q, relative, equation="bhld,lrd->bhlr")
        scores = g("Add", scores, of_query)
        if with_keys:
            keys = g("Transpose", k, perm=[0, 2, 1, 3])
            scores = g("Add", scores, g("Einsum", keys, relative, equation="bhrd,lrd->bhlr"))
        scores = g("Add", g("Div", scores, float(np.sqrt(CHANNELS))), mask)
        context = g("MatMul", g("Softmax", scores, axis=-1), v)
        context = g("Reshape", g("Transpose", context, perm=[0, 2, 1, 3]), joined, allowzero=1)
        x = g.norm(g("Add", g.linear(context, g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN)), x))
        x = g.norm(g("Add", feed_forward(g, x), x))
    return x


def deberta_buckets(g, length):
    """Buckets of the distances from keys to queries, [1, L, L]."""
    middle, most = 128, 512
    at = positions(g, length)
    distance = g("Sub", g("Unsqueeze", at, [1]), g("Unsqueeze", at, [0]))
    sign = g("Sign", distance)
    near = g("And", g("Less", distance, np.int64(middle)), g("Greater", distance, np.int64(-middle)))
    size = g("Where", near, np.int64(middle - 1), g("Abs", distance))
    single = lambda value: np.float32(value)
    logs = g("Log", g("Div", g("Cast", size, to=TensorProto.FLOAT), single(middle)))
    far = g("Mul", g("Div", logs, single(np.log((most - 1) / middle))), single(middle - 1))
    far = g("Add", g("Ceil", far), single(middle))
    far = g("Mul", far, g("Cast", sign, to=TensorProto.FLOAT))
    chosen = g("Where", g("LessOrEqual", size, np.int64(middle)), g("Cast", distance, to=TensorProto.FLOAT), far)
    return g("Unsqueeze", g("Cast", chosen, to=TensorProto.INT64), [0])


def deberta(g):
    span = 256
    batch, length = g.size("attention_mask", 0), g.size("attention_mask", 1)
    x = g.norm(g("Gather", g.weight(WORDS, HIDDEN), "input_ids"))
    mask = g("Unsqueeze", "attention_mask", np.array([1, 2]))
    mask = g("Mul", mask, g("Unsqueeze", g("Squeeze", mask, [-2]), [-1]))
    blocked = g("Not", g("Cast", mask, to=TensorProto.BOOL))
    buckets = deberta_buckets(g, length)
    table = g.norm(g.weight(2 * span, HIDDEN))
    scale = float(np.sqrt(3 * CHANNELS))
    split = g("Concat", batch, length, [HEADS], [-1], axis=0)
    flat = g("Concat", [-1], length, [CHANNELS], axis=0)
    repeated = g("Concat", batch, [1], [1], axis=0)
    for _ in range(LAYERS):
        project = [(g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN)) for _ in range(3)]

        def heads(value):
            turned = g("Transpose", g("Reshape", value, split, allowzero=1), perm=[0, 2, 1, 3])
            return g("Reshape", turned, flat, allowzero=1)

        def relative(weights):
            rows = g.linear(g("Unsqueeze", table, [0]), *weights)
            rows = g("Reshape", rows, [1, 2 * span, HEADS, -1], allowzero=1)
            rows = g("Reshape", g("Transpose", rows, perm=[0, 2, 1, 3]), [-1, 2 * span, CHANNELS], allowzero=1)
            return g("Transpose", g("Tile", g("Expand", rows, [1, 1, 1]), repeated), perm=[0, 2, 1])

        def gathered(product, index):
            index = g("Clip", g("Add", index, np.int64(span)), np.int64(0), np.int64(2 * span - 1))
            matrices = g("Mul", np.int64(HEADS), g("Squeeze", batch))
            shape = g("Concat", g("Reshape", matrices, [-1]), length, length, axis=0)
            return g("GatherElements", product, g("Expand", g("Squeeze", index, [0]), shape), axis=-1)

        q, k, v = (heads(g.linear(x, *weights)) for weights in project)
        scores = g("MatMul", q, g("Div", g("Transpose", k, perm=[0, 2, 1]), scale))
        index = g("Unsqueeze", buckets, [1])
        index = g("Squeeze", index, [1])
        c2p = g("Div", gathered(g("MatMul", q, relative(project[1])), index), scale)
        p2c = gathered(g("MatMul", k, relative(project[0])), g("Neg", index))
        p2c = g("Div", g("Transpose", p2c, perm=[0, 2, 1]), scale)
        scores = g("Add", scores, g("Add", c2p, p2c))
        square = g("Concat", [-1], [HEADS], length, length, axis=0)
        scores = g("Reshape", scores, square, allowzero=1)
        weights = g("Softmax", g("Where", blocked, float(np.finfo(g.numbers).min), scores), axis=-1)
        context = g("MatMul", g("Reshape", weights, g("Concat", [-1], length, length, axis=0), allowzero=1), v)
        context = g("Reshape", context, g("Concat", [-1], [HEADS], length, [CHANNELS], axis=0), allowzero=1)
        context = g("Transpose", context, perm=[0, 2, 1, 3])
        context = g("Reshape", context, g("Concat", batch, length, [-1], axis=0), allowzero=1)
        x = g.norm(g("Add", g.linear(context, g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN)), x))
        x = g.norm(g("Add", feed_forward(g, x), x))
    return x


def t5_buckets(g, length):
    single = lambda value: np.float32(value)
    at = positions(g, length)
    distance = g("Sub", g("Unsqueeze", at, [0]), g("Unsqueeze", at, [1]))
    later = g("Mul", g("Cast", g("Greater", distance, np.int64(0)), to=TensorProto.INT64), np.int64(16))
    size = g("Abs", distance)
    logs = g("Log", g("Div", g("Cast", size, to=TensorProto.FLOAT), single(8)))
    far = g("Mul", g("Div", logs, single(np.log(16))), single(8))
    far = g("Add", g("Cast", far, to=TensorProto.INT64), np.int64(8))
    far = g("Min", far, g("Expand", np.int64(15), g("Shape", far)))
    return g("Add", later, g("Where", g("Less", size, np.int64(8)), size, far))


def t5(g):
    batch, length = g.size("attention_mask", 0), g.size("input_ids", 1)

    def norm(x):
        mean = g("ReduceMean", g("Pow", x, 2.0), [-1], keepdims=1)
        return g("Mul", g.weight(HIDDEN), g("Mul", x, g("Reciprocal", g("Sqrt", g("Add", mean, 1e-6)))))

    x = g("Gather", g.weight(WORDS, HIDDEN), "input_ids")
    mask = mask_to_add(g)
    split = g("Concat", batch, [-1], [HEADS], [CHANNELS], axis=0)
    joined = g("Concat", batch, [-1], [HIDDEN], axis=0)
    bias = None
    for _ in range(LAYERS):
        y = norm(x)
        q, k, v = (g("Reshape", g.linear(y, g.weight(HIDDEN, HIDDEN)), split, allowzero=1) for _ in range(3))
        q, v = (g("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
        scores = g("MatMul", q, g("Transpose", k, perm=[0, 2, 3, 1]))
        if bias is None:
            rows = g("Gather", g.weight(32, HEADS), t5_buckets(g, length))
            bias = g("Add", g("Unsqueeze", g("Transpose", rows, perm=[2, 0, 1]), [0]), mask)
        weights = g("Softmax", g("Add", scores, bias), axis=-1)
        context = g("Transpose", g("MatMul", weights, v), perm=[0, 2, 1, 3])
        x = g("Add", x, g.linear(g("Reshape", context, joined, allowzero=1), g.weight(HIDDEN, HIDDEN)))
        x = g("Add", x, feed_forward(g, norm(x), "Relu"))
    return norm(x)


MODELS = {
    "relative_key": lambda g: bert(g, False),
    "relative_key_query": lambda g: bert(g, True),
    "deberta": deberta,
    "t5": t5,
}


def session(path, library):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(str(library))
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(length):
    ids = np.random.default_rng(2).integers(0, WORDS, (1, length))
    return {"input_ids": ids, "attention_mask": np.ones((1, length), INTS)}


def fused(phasor, path, output):
    command = [phasor, "fuse", path, "-o", output, "--force", "--no-verify", "--format", "json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def peak(path, library, length):
    """Megabytes of a process that runs the model once."""
    command = [sys.executable, __file__, "--ops", str(library), "--alone", str(path), "--lengths", str(length)]
    done = subprocess.run(command, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def own_peak():
    """Megabytes that this process has held at most, without what its parent held before it."""
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measured(paths, library, length, rounds):
    """The fastest round of each model in milliseconds, and how far their outputs are apart."""
    sessions = [session(path, library) for path in paths]
    inputs = feeds(length)
    results = [s.run(None, inputs)[0].astype(np.float64) for s in sessions]
    times = [[] for _ in paths]
    for _ in range(rounds):
        for at in random.sample(range(len(paths)), len(paths)):
            begin = time.process_time_ns()
            sessions[at].run(None, inputs)
            times[at].append((time.process_time_ns() - begin) / 1e6)
    return [min(t) for t in times], float(np.abs(results[0] - results[1]).max() / np.abs(results[0]).max())


def rows(arguments, name, dtype, folder):
    graph = Graph(dtype)
    proto = graph.model(MODELS[name](graph))
    onnx.checker.check_model(proto)
    path, new = folder / f"{name}-{dtype}.onnx", folder / f"{name}-{dtype}-fused.onnx"
    onnx.save(proto, path)
    report = fused(arguments.phasor, path, new)
    sites = {rule["rule"]: rule["sites"] for rule in report["rules"]}
    for length in arguments.lengths:
        row = {
            "model": name, "type": dtype, "length": length, "sites": sites,
            "nodes": [report["model"]["nodes"], report["nodes_after"]],
        }
        try:
            row["ms"], row["difference"] = measured([path, new], arguments.ops, length, arguments.rounds)
        except Exception as error:  # ONNX Runtime's errors have no common base.
            row["error"] = str(error).splitlines()[0]
            yield row
            continue
        row["ratio"] = row["ms"][0] / row["ms"][1]
        row["MB"] = [peak(p, arguments.ops, length) for p in (path, new)]
        yield row


def shown(row):
    sites = ", ".join(f"{count} {rule}" for rule, count in row["sites"].items()) or "none"
    cells = [row["model"], row["type"], str(row["length"]), sites, "{} -> {}".format(*row["nodes"])]
    if "error" in row:
        return [*cells, f"does not run: {row['error'][:60]}", "", "", ""]
    pair = lambda values, form: " -> ".join("?" if v is None else format(v, form) for v in values)
    return [*cells, pair(row["ms"], ".1f"), f"{row['ratio']:.2f}", pair(row["MB"], ".0f"), f"{row['difference']:.0e}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phasor", type=pathlib.Path, default=ROOT / "target" / "release" / "phasor")
    parser.add_argument("--ops", type=pathlib.Path, default=ROOT / "target" / "release" / "libphasor_ops.so")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--lengths", type=lambda text: [int(n) for n in text.split(",")], default=[128, 512])
    parser.add_argument("--types", default="f32,f16")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        session(arguments.alone, arguments.ops).run(None, feeds(arguments.lengths[0]))
        print(own_peak())
        return
    header = ["model", "type", "length", "sites", "nodes", "ms", "ratio", "MB", "difference"]
    if not arguments.json:
        print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            if arguments.only not in name:
                continue
            for dtype in arguments.types.split(","):
                for row in rows(arguments, name, dtype, pathlib.Path(folder)):
                    print(json.dumps(row) if arguments.json else "| " + " | ".join(shown(row)) + " |", flush=True)


if __name__ == "__main__":
    main()
