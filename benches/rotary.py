#!/usr/bin/env python3
"""RotaryEmbedding of the operator library against ONNX Runtime's own and against the graph that exporters write.

    python benches/rotary.py [--ops PATH] [--rounds N] [--only TEXT] [--markdown]

All contestants of a shape run in one process, in an order shuffled anew every round, on preallocated buffers (IOBinding); what is
compared are ratios of the tenth percentile and of the median. A node is measured inside a chain of equal nodes, so that the cost of
`run()` and of copies at the ends falls away.

Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import json
import pathlib
import random
import statistics
import sys
import time

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHAIN = {"decode": 32, "prefill": 4}
# name, kind, [batch, heads, sequence, channels]
SHAPES = [
    ("decode, Llama 8B", "decode", (1, 32, 1, 128)),
    ("decode, batch of 8", "decode", (8, 32, 1, 128)),
    ("prefill 512", "prefill", (1, 32, 512, 128)),
    ("prefill 4096", "prefill", (1, 32, 4096, 128)),
    ("encoder, batch of 8", "prefill", (8, 16, 128, 64)),
]
TYPES = {"f32": (np.float32, TensorProto.FLOAT), "f16": (np.float16, TensorProto.FLOAT16)}


def ints(name, values):
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def model(contestant, kind, shape, dtype):
    """A chain of rotary embeddings over `x`."""
    batch, heads, sequence, channels = shape
    half, element = channels // 2, TYPES[dtype][1]
    nodes, value = [], "x"
    constants = [ints("zero", [0]), ints("half", [half]), ints("end", [2**63 - 1]), ints("axis", [3])]
    inputs = [helper.make_tensor_value_info("x", element, shape)]
    if contestant == "com.microsoft":
        tables = (sequence, half)
        inputs.append(helper.make_tensor_value_info("positions", TensorProto.INT64, [batch, sequence]))
    else:
        tables = (1, 1, sequence, half if contestant == "phasor" else channels)
    inputs += [helper.make_tensor_value_info(n, element, tables) for n in ("cos", "sin")]
    for k in range(CHAIN[kind]):
        y = f"y{k}"
        if contestant == "phasor":
            nodes.append(helper.make_node("RotaryEmbedding", [value, "cos", "sin"], [y], domain="ai.phasor"))
        elif contestant == "com.microsoft":
            nodes.append(helper.make_node("RotaryEmbedding", [value, "positions", "cos", "sin"], [y], domain="com.microsoft"))
        else:
            nodes += [
                helper.make_node("Slice", [value, "zero", "half", "axis"], [f"a{k}"]),
                helper.make_node("Slice", [value, "half", "end", "axis"], [f"b{k}"]),
                helper.make_node("Neg", [f"b{k}"], [f"n{k}"]),
                helper.make_node("Concat", [f"n{k}", f"a{k}"], [f"r{k}"], axis=-1),
                helper.make_node("Mul", [value, "cos"], [f"c{k}"]),
                helper.make_node("Mul", [f"r{k}", "sin"], [f"s{k}"]),
                helper.make_node("Add", [f"c{k}", f"s{k}"], [y]),
            ]
        value = y
    output = helper.make_tensor_value_info(value, element, shape)
    graph = helper.make_graph(nodes, "chain", inputs, [output], constants if contestant == "graph" else [])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("ai.phasor", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def feeds(contestant, shape, dtype):
    batch, _, sequence, channels = shape
    kind = TYPES[dtype][0]
    x = np.random.default_rng(1).standard_normal(shape).astype(kind)
    angle = np.arange(sequence)[:, None] * 10_000.0 ** (-np.arange(channels // 2) * 2 / channels)[None]
    cos, sin = np.cos(angle).astype(kind), np.sin(angle).astype(kind)
    if contestant == "com.microsoft":
        return {"x": x, "positions": np.tile(np.arange(sequence, dtype=np.int64), (batch, 1)), "cos": cos, "sin": sin}
    if contestant == "graph":
        cos, sin = (np.concatenate([t, t], -1) for t in (cos, sin))
    return {"x": x, "cos": cos[None, None], "sin": sin[None, None]}


class Contestant:
    """A session with its buffers bound."""

    def __init__(self, name, kind, shape, dtype, threads, library):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.register_custom_ops_library(library)
        proto = model(name, kind, shape, dtype)
        self.session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.held = feeds(name, shape, dtype)
        for key, value in self.held.items():
            self.binding.bind_cpu_input(key, value)
        output = self.session.get_outputs()[0].name
        self.out = ort.OrtValue.ortvalue_from_numpy(np.empty(shape, TYPES[dtype][0]))
        self.binding.bind_ortvalue_output(output, self.out)
        self.nodes = CHAIN[kind]
        self.times = []
        self.run()

    def run(self):
        self.session.run_with_iobinding(self.binding)
        return self.out.numpy()

    def measure(self, repeats):
        begin = time.perf_counter_ns()
        for _ in range(repeats):
            self.session.run_with_iobinding(self.binding)
        self.times.append((time.perf_counter_ns() - begin) / repeats / self.nodes / 1000)


def compare(kind, shape, dtype, threads, library, rounds):
    names = ["phasor", "com.microsoft", "graph"]
    contestants = {n: Contestant(n, kind, shape, dtype, threads, library) for n in names}
    want = contestants["graph"].run().astype(np.float64)
    for name, contestant in contestants.items():
        off = np.abs(contestant.run().astype(np.float64) - want).max()
        assert off < (0.2 if dtype == "f16" else 1e-4), (name, shape, dtype, off)
    repeats = 50 if kind == "decode" else 1
    for k in range(rounds + 2):
        if k == 2:
            for contestant in contestants.values():
                contestant.times.clear()
        for name in random.sample(names, len(names)):
            contestants[name].measure(repeats)
    return {n: (float(np.percentile(c.times, 10)), statistics.median(c.times)) for n, c in contestants.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    if not args.json:
        print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, {args.rounds} rounds, microseconds a node (10th percentile)\n")
        print("| shape | type | threads | Phasor | com.microsoft | graph | com.microsoft / Phasor: p10, median | graph / Phasor: p10, median |")
        print("|---|---|---|---|---|---|---|---|")
    for name, kind, shape in SHAPES:
        if args.only not in name:
            continue
        for dtype in TYPES:
            for threads in (1, 2):
                t = compare(kind, shape, dtype, threads, args.ops, args.rounds)
                if args.json:
                    print(json.dumps({"shape": name, "sizes": shape, "type": dtype, "threads": threads, "microseconds": t}), flush=True)
                    continue
                times = " | ".join(f"{t[n][0]:.3g}" for n in ("phasor", "com.microsoft", "graph"))
                ratios = " | ".join(
                    f"{t[n][0] / t['phasor'][0]:.2f}, {t[n][1] / t['phasor'][1]:.2f}" for n in ("com.microsoft", "graph")
                )
                print(f"| {name} {list(shape)} | {dtype} | {threads} | {times} | {ratios} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
