#!/usr/bin/env python3
"""RelativePositionBias and AlibiBias of the operator library against the graphs that exporters write, and against memset.

    python benches/relative_bias.py [--ops PATH] [--body PATH] [--rounds N] [--only TEXT] [--json]

`graph` is what T5 and ALiBi models export: distances (Sub), logarithmic buckets (Abs, Log, Where, ...), Gather, Transpose and
Unsqueeze; or Sub, Cast, Mul and Unsqueeze. It starts at the positions, as the operator does. `body` is the operator's own function
body, as ONNX Runtime runs it without the library. `memset` writes as many bytes into the same tensor: what the memory allows.

All contestants of a row run in one process, in an order shuffled anew every round, into tensors that ONNX Runtime has allocated
before (IOBinding). What is compared are ratios of the fastest round and of the median; on one thread in time of the processor,
which bears other load on the machine, since rounds are longer than its slices of time. Small nodes are measured several to a model,
each with positions of its own, so that the cost of `run()` falls away and nothing can be shared.

Needs onnxruntime, onnx, numpy, the operator library (`cargo build --release -p phasor-ops`) and the program that prints bodies
(`cargo build --release -p phasor-ops --example function_body`).
"""
import argparse
import ctypes
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

import needs

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ort"))
with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from common import function  # the function of a printed body
    from onnx import TensorProto, helper

TYPES = {"f32": (TensorProto.FLOAT, np.float32), "f16": (TensorProto.FLOAT16, np.float16)}
BUCKETS, REACH = 32, 128
# name, positions of queries and of keys, heads
SHAPES = [
    ("prefill", np.arange(1024), np.arange(1024), 32),
    ("prefill 256", np.arange(256), np.arange(256), 32),
    ("any order", np.random.default_rng(2).permutation(1024), np.random.default_rng(3).permutation(1024), 32),
    ("decode 1024", np.array([1023]), np.arange(1024), 32),
    ("decode 4096", np.array([4095]), np.arange(4096), 32),
]


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], **attributes)


def constants():
    """Of T5's buckets in both directions: 16 each, logarithmic from 8 to 128."""
    make = helper.make_tensor
    return [
        *(make(n, TensorProto.INT64, [1], [v]) for n, v in (("x0", 0), ("x1", 1), ("x2", 2))),
        *(make(n, TensorProto.INT64, [], [v]) for n, v in (("i0", 0), ("i8", 8), ("i15", 15), ("i16", 16))),
        *(make(n, TensorProto.FLOAT, [], [v]) for n, v in (("f8", 8), ("log16", np.log(16)))),
    ]


def t5(k):
    """The nodes of one bias as T5 models have them, from positions `q` and `k` and the table `t`."""
    d = f"d{k}_"
    return [
        node("Unsqueeze", [f"q{k}", "x1"], d + "q"),
        node("Unsqueeze", [f"k{k}", "x0"], d + "k"),
        node("Sub", [d + "k", d + "q"], d + "d"),
        node("Greater", [d + "d", "i0"], d + "after"),
        node("Cast", [d + "after"], d + "a", to=TensorProto.INT64),
        node("Mul", [d + "a", "i16"], d + "side"),
        node("Abs", [d + "d"], d + "size"),
        node("Less", [d + "size", "i8"], d + "small"),
        node("Cast", [d + "size"], d + "f", to=TensorProto.FLOAT),
        node("Div", [d + "f", "f8"], d + "g"),
        node("Log", [d + "g"], d + "l"),
        node("Div", [d + "l", "log16"], d + "m"),
        node("Mul", [d + "m", "f8"], d + "n"),
        node("Cast", [d + "n"], d + "o", to=TensorProto.INT64),
        node("Add", [d + "o", "i8"], d + "p"),
        node("Min", [d + "p", "i15"], d + "r"),
        node("Where", [d + "small", d + "size", d + "r"], d + "s"),
        node("Add", [d + "side", d + "s"], d + "bucket"),
        node("Gather", [f"t{k}", d + "bucket"], d + "rows"),
        node("Transpose", [d + "rows"], d + "heads", perm=[2, 0, 1]),
        node("Unsqueeze", [d + "heads", "x0"], f"bias{k}"),
    ]


def alibi(k, element):
    """The same from slopes `t`."""
    d = f"d{k}_"
    return [
        node("Unsqueeze", [f"q{k}", "x1"], d + "q"),
        node("Unsqueeze", [f"k{k}", "x0"], d + "k"),
        node("Sub", [d + "k", d + "q"], d + "d"),
        node("Cast", [d + "d"], d + "f", to=element),
        node("Unsqueeze", [f"t{k}", "behind"], d + "s"),
        node("Mul", [d + "s", d + "f"], d + "b"),
        node("Unsqueeze", [d + "b", "x0"], f"bias{k}"),
    ]


def model(kind, contestant, element, shape, count, function_body):
    """`count` biases; `kind` is `relative` or `alibi`."""
    _, queries, keys, heads = shape
    table = [BUCKETS, heads] if kind == "relative" else [heads]
    inputs, outputs, nodes, functions = [], [], [], []
    for k in range(count):
        inputs += [
            helper.make_tensor_value_info(f"q{k}", TensorProto.INT64, queries.shape),
            helper.make_tensor_value_info(f"k{k}", TensorProto.INT64, keys.shape),
            helper.make_tensor_value_info(f"t{k}", element, table),
        ]
        outputs.append(helper.make_tensor_value_info(f"bias{k}", element, [1, heads, len(queries), len(keys)]))
        if contestant == "graph":
            nodes += t5(k) if kind == "relative" else alibi(k, element)
        elif kind == "relative":
            names = [f"t{k}", "lut", f"q{k}", f"k{k}"]
            nodes.append(node("RelativePositionBias", names, f"bias{k}", domain="ai.phasor", name=f"bias_{k}"))
        else:
            names = [f"t{k}", f"q{k}", f"k{k}"]
            nodes.append(node("AlibiBias", names, f"bias{k}", domain="ai.phasor", name=f"bias_{k}"))
    held = [*constants(), helper.make_tensor("behind", TensorProto.INT64, [2], [1, 2])]
    held.append(helper.make_tensor("lut", TensorProto.INT64, [2 * REACH + 1], buckets()))
    used = {name for n in nodes for name in n.input}
    if contestant != "graph":
        functions = [function_body(kind, element)]
    graph = helper.make_graph(nodes, "biases", inputs, outputs, [c for c in held if c.name in used])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.phasor", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=9)


def buckets():
    """T5's bucket of every distance within reach, rounded as the graph rounds."""
    distance = np.arange(-REACH, REACH + 1)
    size = np.abs(distance)
    scaled = np.log(np.maximum(size, 1).astype(np.float32) / np.float32(8)) / np.float32(np.log(16)) * np.float32(8)
    return 16 * (distance > 0) + np.where(size < 8, size, np.minimum(8 + scaled.astype(np.int64), 15))


class Contestant:
    """A session with its tensors bound."""

    def __init__(self, proto, feeds, library, threads, count):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        if library:
            options.register_custom_ops_library(library)
        self.session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.held = [ort.OrtValue.ortvalue_from_numpy(value) for value in feeds.values()]
        for name, value in zip(feeds, self.held):
            self.binding.bind_ortvalue_input(name, value)
        self.count, self.outputs, self.times = count, [], []

    def bind(self, outputs):
        self.outputs = outputs
        for k, value in enumerate(outputs):
            self.binding.bind_ortvalue_output(f"bias{k}", value)

    def once(self):
        self.session.run_with_iobinding(self.binding)


class Memset:
    """Writes the same bytes."""

    def __init__(self, outputs, size, count):
        self.places, self.size, self.count, self.times = [o.data_ptr() for o in outputs], size, count, []

    def once(self):
        for place in self.places:
            ctypes.memset(place, 0x3C, self.size)


def measure(kind, dtype, shape, args, threads, function_body):
    element, held = TYPES[dtype]
    _, queries, keys, heads = shape
    count = 1 if len(queries) > 1 else 16
    sizes = [1, heads, len(queries), len(keys)]
    rng = np.random.default_rng(1)
    feeds = {}
    for k in range(count):
        table = rng.standard_normal((BUCKETS, heads) if kind == "relative" else (heads,)).astype(held)
        feeds |= {f"q{k}": queries, f"k{k}": keys, f"t{k}": table}
    outputs = [ort.OrtValue.ortvalue_from_shape_and_type(sizes, held) for _ in range(count)]
    contestants = {}
    for name, library in (("phasor", args.ops), ("body", None), ("graph", None)):
        proto = model(kind, name, element, shape, count, function_body)
        contestants[name] = Contestant(proto, feeds, library, threads, count)
        contestants[name].bind(outputs)
    results = {}
    for name, contestant in contestants.items():
        contestant.once()
        results[name] = outputs[0].numpy().copy()
    assert np.array_equal(results["phasor"], results["body"])
    if kind == "relative":
        # Log of a float may differ in its last bit, which moves single distances to the next bucket.
        assert (results["phasor"] == results["graph"]).mean() > 0.99
    else:
        assert np.allclose(results["phasor"], results["graph"], rtol=4e-3)
    contestants["memset"] = Memset(outputs, results["phasor"].nbytes, count)
    clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns
    repeats = 1 if results["phasor"].nbytes > 1 << 24 else 5
    for turn in range(args.rounds + 2):
        for name in random.sample(list(contestants), len(contestants)):
            begin = clock()
            for _ in range(repeats):
                contestants[name].once()
            if turn >= 2:
                contestants[name].times.append((clock() - begin) / repeats / count / 1000)
    return {name: (min(c.times), statistics.median(c.times)) for name, c in contestants.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "target" / "release"
    parser.add_argument("--ops", default=str(build / "libphasor_ops.so"))
    parser.add_argument("--body", default=str(build / "examples" / "function_body"), help="the program that prints bodies")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of tables")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    args.body = needs.built(args.body, needs.BODIES, "--body")

    def function_body(kind, element):
        name = {TensorProto.FLOAT: "float", TensorProto.FLOAT16: "float16"}[element]
        arguments = ["RelativePositionBias", "17"] if kind == "relative" else ["AlibiBias", "17", f"dtype={name}"]
        printed = subprocess.run([args.body, *arguments], check=True, capture_output=True, text=True).stdout
        return function(json.loads(printed), 17)

    if not args.json:
        print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, {args.threads} threads, microseconds a node (fastest round); ratios: fastest, median\n")
        print("| bias | shape | type | Phasor | body | graph | memset | graph / Phasor | body / Phasor | memset / Phasor |")
        print("|---|---|---|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        for kind in ("relative", "alibi"):
            for dtype in TYPES:
                name = f"{kind} {shape[0]} {dtype}"
                if args.only not in name:
                    continue
                times = measure(kind, dtype, shape, args, args.threads, function_body)
                if args.json:
                    print(json.dumps({"row": name, "microseconds": times}), flush=True)
                    continue
                absolute = " | ".join(f"{times[n][0]:.3g}" for n in ("phasor", "body", "graph", "memset"))
                ratios = " | ".join(
                    f"{times[n][0] / times['phasor'][0]:.2f}, {times[n][1] / times['phasor'][1]:.2f}"
                    for n in ("graph", "body", "memset")
                )
                label = f"{shape[0]} [1, {shape[3]}, {len(shape[1])}, {len(shape[2])}]"
                print(f"| {kind} | {label} | {dtype} | {absolute} | {ratios} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
