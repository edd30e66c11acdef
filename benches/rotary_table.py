#!/usr/bin/env python3
"""RotaryTable of the operator library against the graph that exporters write, and RotaryEmbeddingPair against two RotaryEmbedding.

    python benches/rotary_table.py [--ops PATH] [--rounds N] [--only TEXT] [--json]

The graph of a table is Cast, Unsqueeze, Mul, Concat of the angles with themselves, Cos and Sin (`doubled`), or Mul, Cos and Sin
alone (`single`): the operator makes single tables, which its rotary embedding reads as they are. All contestants of a shape run in
one process, in an order shuffled anew every round, on preallocated buffers (IOBinding); what is compared are ratios of the fastest
round, which bears other load on the machine, and of the median. Small nodes are measured several to a model, so that the cost of
`run()` falls away, and a round is short, so that some are not interrupted.

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
    import onnxruntime as ort
    from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
# name, shape of the positions, frequencies
TABLES = [
    ("decode", (1, 1), 64),
    ("decode, batch of 8", (8, 1), 64),
    ("prefill 512", (1, 512), 64),
    ("prefill 4096", (1, 4096), 64),
]
# name, sequence, batch, heads of Q and of K, channels
PAIRS = [
    ("pair, decode, Llama 8B", 1, 1, 32, 8, 128),
    ("pair, decode, batch of 8", 1, 8, 32, 8, 128),
    ("pair, prefill 512", 512, 1, 32, 8, 128),
    ("pair, prefill 4096", 4096, 1, 32, 8, 128),
]
IMPORTS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.phasor", 1)]


def table_model(contestant, shape, width, count):
    """`count` tables of as many frequency vectors, so that none can be shared."""
    positions = helper.make_tensor_value_info("positions", TensorProto.INT64, shape)
    table = TensorProto.DOUBLE if contestant.startswith("phasor") else TensorProto.FLOAT
    inputs = [positions] + [helper.make_tensor_value_info(f"f{k}", table, [width]) for k in range(count)]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("float", TensorProto.FLOAT, [], [0]),
    ]
    nodes, outputs = [], []
    columns = width * (2 if contestant == "doubled" else 1)
    for k in range(count):
        tables = [f"cos{k}", f"sin{k}"]
        outputs += [helper.make_tensor_value_info(t, TensorProto.FLOAT, [*shape, columns]) for t in tables]
        if contestant.startswith("phasor"):
            precise = int(contestant.endswith("precise"))
            nodes.append(
                helper.make_node("RotaryTable", ["positions", f"f{k}", "float"], tables, domain="ai.phasor", precise=precise)
            )
            continue
        nodes += [
            helper.make_node("Cast", ["positions"], [f"p{k}"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", [f"p{k}", "last"], [f"u{k}"]),
            helper.make_node("Mul", [f"u{k}", f"f{k}"], [f"a{k}"]),
        ]
        angle = f"a{k}"
        if contestant == "doubled":
            nodes.append(helper.make_node("Concat", [angle, angle], [f"d{k}"], axis=-1))
            angle = f"d{k}"
        nodes += [helper.make_node("Cos", [angle], tables[:1]), helper.make_node("Sin", [angle], tables[1:])]
    graph = helper.make_graph(nodes, "tables", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=IMPORTS, ir_version=8)


def table_feeds(contestant, shape, width, count):
    positions = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) + 100
    frequencies = (10_000.0 ** -(np.arange(width) / width)).astype(np.float32)
    if contestant.startswith("phasor"):
        frequencies = frequencies.astype(np.float64)
    return {"positions": positions, **{f"f{k}": frequencies for k in range(count)}}


def pair_model(contestant, element, sequence, batch, q_heads, k_heads, channels, count):
    """A chain of rotations of Q and K."""
    shapes = {"Q": (batch, q_heads, sequence, channels), "K": (batch, k_heads, sequence, channels)}
    tables = (1, 1, sequence, channels // 2)
    inputs = [helper.make_tensor_value_info(n, element, s) for n, s in shapes.items()]
    inputs += [helper.make_tensor_value_info(n, element, tables) for n in ("cos", "sin")]
    q, k, nodes = "Q", "K", []
    for i in range(count):
        yq, yk = f"q{i}", f"k{i}"
        if contestant == "pair":
            made = helper.make_node("RotaryEmbeddingPair", [q, k, "cos", "sin"], [yq, yk], domain="ai.phasor")
            nodes.append(made)
        else:
            for x, y in ((q, yq), (k, yk)):
                nodes.append(helper.make_node("RotaryEmbedding", [x, "cos", "sin"], [y], domain="ai.phasor"))
        q, k = yq, yk
    outputs = [helper.make_tensor_value_info(n, element, s) for n, s in zip((q, k), shapes.values())]
    return helper.make_model(helper.make_graph(nodes, "pairs", inputs, outputs), opset_imports=IMPORTS, ir_version=8)


def pair_feeds(dtype, sequence, batch, q_heads, k_heads, channels, _count):
    rng = np.random.default_rng(1)
    q, k = (rng.standard_normal((batch, h, sequence, channels)).astype(dtype) for h in (q_heads, k_heads))
    angle = np.arange(sequence)[:, None] * 10_000.0 ** (-np.arange(channels // 2) * 2 / channels)[None]
    return {"Q": q, "K": k, "cos": np.cos(angle).astype(dtype)[None, None], "sin": np.sin(angle).astype(dtype)[None, None]}


class Contestant:
    """A session with its buffers bound."""

    def __init__(self, proto, feeds, dtype, threads, library, nodes):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.register_custom_ops_library(library)
        self.session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.held = feeds
        for key, value in feeds.items():
            self.binding.bind_cpu_input(key, value)
        self.outputs = []
        for output in proto.graph.output:
            shape = [d.dim_value for d in output.type.tensor_type.shape.dim]
            self.outputs.append(ort.OrtValue.ortvalue_from_numpy(np.empty(shape, dtype)))
            self.binding.bind_ortvalue_output(output.name, self.outputs[-1])
        self.nodes = nodes
        self.times = []
        self.run()

    def run(self):
        self.session.run_with_iobinding(self.binding)
        return [o.numpy() for o in self.outputs]

    def measure(self, repeats):
        begin = time.perf_counter_ns()
        for _ in range(repeats):
            self.session.run_with_iobinding(self.binding)
        self.times.append((time.perf_counter_ns() - begin) / repeats / self.nodes / 1000)


def rate(contestants, repeats, rounds):
    for k in range(rounds + 2):
        if k == 2:
            for contestant in contestants.values():
                contestant.times.clear()
        for name in random.sample(list(contestants), len(contestants)):
            contestants[name].measure(repeats)
    return {n: (min(c.times), statistics.median(c.times)) for n, c in contestants.items()}


def tables(shape, width, threads, library, rounds):
    small = np.prod(shape) < 64
    count = 16 if small else 1
    names = ["phasor", "phasor precise", "single", "doubled"]
    contestants = {
        n: Contestant(
            table_model(n, shape, width, count), table_feeds(n, shape, width, count), np.float32, threads, library, count
        )
        for n in names
    }
    wanted = contestants["single"].run()
    for got, want in zip(contestants["phasor"].run(), wanted):
        assert np.abs(got - want).max() < 1e-6
    return rate(contestants, 10 if small else 1, rounds)


def pairs(sizes, dtype, threads, library, rounds):
    element = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}[dtype]
    small = sizes[0] == 1
    count = 24 if small else 1
    contestants = {
        n: Contestant(pair_model(n, element, *sizes, count), pair_feeds(dtype, *sizes, count), dtype, threads, library, count)
        for n in ("pair", "two nodes")
    }
    for a, b in zip(contestants["pair"].run(), contestants["two nodes"].run()):
        assert np.array_equal(a, b)
    return rate(contestants, 5 if small else 1, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of tables")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")

    def say(row, times, name, *columns):
        if args.json:
            print(json.dumps({"shape": name, "columns": columns, "microseconds": times}), flush=True)
        else:
            print(f"| {name} | {' | '.join(map(str, columns))} | {row} |", flush=True)

    def ratios(times, rivals, base):
        return " | ".join(f"{times[n][0] / times[base][0]:.2f}, {times[n][1] / times[base][1]:.2f}" for n in rivals)

    if not args.json:
        print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds a node (fastest round); ratios: fastest, median\n")
        print("| positions | frequencies | threads | Phasor | precise | single | doubled | single / Phasor | doubled / Phasor |")
        print("|---|---|---|---|---|---|---|---|---|")
    for name, shape, width in TABLES:
        for threads in (1, 2) if args.only in name else ():
            t = tables(shape, width, threads, args.ops, args.rounds)
            row = " | ".join(f"{t[n][0]:.3g}" for n in ("phasor", "phasor precise", "single", "doubled"))
            say(f"{row} | {ratios(t, ('single', 'doubled'), 'phasor')}", t, f"{name} {list(shape)}", width, threads)
    if not args.json:
        print("\n| shape | type | threads | Pair | two nodes | two nodes / Pair |")
        print("|---|---|---|---|---|---|")
    for name, *sizes in PAIRS:
        for dtype in (np.float32, np.float16) if args.only in name else ():
            for threads in (1, 2):
                t = pairs(sizes, dtype, threads, args.ops, args.rounds)
                row = " | ".join(f"{t[n][0]:.3g}" for n in ("pair", "two nodes"))
                label = {np.float32: "f32", np.float16: "f16"}[dtype]
                say(f"{row} | {ratios(t, ('two nodes',), 'pair')}", t, name, label, threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
