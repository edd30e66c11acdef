#!/usr/bin/env python3
"""RotaryHeads of the operator library against the nodes that it saves: what exporters put between a projection and its rotation,
and RotaryEmbedding.

    python benches/rotary_heads.py [--ops PATH] [--rounds N] [--only TEXT] [--json]

Three ways in which models hold queries, keys and values: `separate` projections (Reshape, Transpose), `packed` one after the other (Split,
then the same) and `per head` as in GPT-NeoX (Reshape, Transpose, Split). Each contestant makes queries, keys and values with the heads in
front; values take a Slice where there was a Split. The contestants run as in `rotary_table.py`: in one process, in an order shuffled anew
every round. Layers are measured several to a model where they are small.

Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import json
import pathlib

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    from onnx import TensorProto, helper

    from rotary_table import IMPORTS, Contestant, rate

ROOT = pathlib.Path(__file__).resolve().parent.parent
# name, sequence, batch, heads of queries and of keys, channels
SIZES = [
    ("decode, Llama 8B", 1, 1, 32, 8, 128),
    ("decode, batch of 8", 1, 8, 32, 8, 128),
    ("prefill 512", 512, 1, 32, 8, 128),
    ("prefill 512, small", 512, 1, 12, 12, 64),
]
PACKINGS = ["separate", "packed", "per head"]
TYPES = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}


class Layers:
    """Some layers as a graph; no two of them share a node."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def ints(self, *values):
        name = "ints_" + "_".join(map(str, values))
        self.constants[name] = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        return name

    def op(self, kind, inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        domain = "ai.phasor" if kind.startswith("Rotary") else ""
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def shaped(self, x, heads, channels):
        return self.op("Reshape", [x, self.ints(0, 0, heads, channels)])

    def in_front(self, x):
        return self.op("Transpose", [x], perm=[0, 2, 1, 3])

    def turned(self, x):
        return self.op("RotaryEmbedding", [x, "cos", "sin"])

    def taken(self, x, first, end, step=1):
        return self.op("RotaryHeads", [x, "cos", "sin"], first_head=first, end_head=end, head_step=step)

    def nodes_of(self, inputs, heads, keys, channels):
        """Queries, keys and values by RotaryEmbedding."""
        counts = (heads, keys, keys)
        if len(inputs) == 3:
            parts = inputs
        elif heads != keys:
            parts = self.op("Split", [inputs[0], self.ints(*(n * channels for n in counts))], 3, axis=2)
        else:
            x = self.in_front(self.shaped(inputs[0], heads, 3 * channels))
            q, k, v = self.op("Split", [x, self.ints(channels, channels, channels)], 3, axis=3)
            return self.turned(q), self.turned(k), v
        q, k, v = (self.in_front(self.shaped(part, n, channels)) for part, n in zip(parts, counts))
        return self.turned(q), self.turned(k), v

    def heads_of(self, inputs, heads, keys, channels):
        """The same by RotaryHeads."""
        if len(inputs) == 3:
            q, k, v = (self.shaped(part, n, channels) for part, n in zip(inputs, (heads, keys, keys)))
            return self.taken(q, 0, heads), self.taken(k, 0, keys), self.in_front(v)
        if heads != keys:
            x = self.shaped(inputs[0], heads + 2 * keys, channels)
            bounds = [self.ints((heads + keys) * channels), self.ints((heads + 2 * keys) * channels), self.ints(2)]
            v = self.shaped(self.op("Slice", [inputs[0], *bounds]), keys, channels)
            return self.taken(x, 0, heads), self.taken(x, heads, heads + keys), self.in_front(v)
        x = self.shaped(inputs[0], 3 * heads, channels)
        whole = self.in_front(self.shaped(inputs[0], heads, 3 * channels))
        v = self.op("Slice", [whole, self.ints(2 * channels), self.ints(3 * channels), self.ints(3)])
        return self.taken(x, 0, 3 * heads, 3), self.taken(x, 1, 3 * heads, 3), v


def model(by_heads, packing, element, sequence, batch, heads, keys, channels, count):
    layers = Layers()
    widths = [heads * channels, keys * channels, keys * channels]
    widths = widths if packing == "separate" else [sum(widths)]
    given = {f"x{i}_{k}": [batch, sequence, width] for i in range(count) for k, width in enumerate(widths)}
    results = []
    for i in range(count):
        make = layers.heads_of if by_heads else layers.nodes_of
        results += make([f"x{i}_{k}" for k in range(len(widths))], heads, keys, channels)
    tables = {name: [sequence, channels // 2] for name in ("cos", "sin")}
    inputs = [helper.make_tensor_value_info(name, element, shape) for name, shape in {**given, **tables}.items()]
    shapes = [[batch, n, sequence, channels] for n in (heads, keys, keys)] * count
    outputs = [helper.make_tensor_value_info(name, element, shape) for name, shape in zip(results, shapes)]
    graph = helper.make_graph(layers.nodes, "layers", inputs, outputs, list(layers.constants.values()))
    return helper.make_model(graph, opset_imports=IMPORTS, ir_version=8), {**given, **tables}


def layer(packing, sizes, dtype, threads, library, rounds):
    small = sizes[0] == 1
    count = 16 if small else 1
    contestants = {}
    for name in ("heads", "nodes"):
        proto, shapes = model(name == "heads", packing, TYPES[dtype], *sizes, count)
        random = np.random.default_rng(1)
        feeds = {key: random.standard_normal(shape, np.float32).astype(dtype) for key, shape in shapes.items()}
        contestants[name] = Contestant(proto, feeds, dtype, threads, library, count)
    for a, b in zip(contestants["heads"].run(), contestants["nodes"].run()):
        assert np.array_equal(a, b)
    return rate(contestants, 5 if small else 1, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    if not args.json:
        print("| layer | packing | type | threads | RotaryHeads | nodes and RotaryEmbedding | ratio, fastest | ratio, median |")
        print("|---|---|---|---|---|---|---|---|")
    for name, *sizes in SIZES:
        for packing in PACKINGS:
            # Queries, keys and values of a head lie together only where there are as many of each.
            if args.only not in name or (packing == "per head") != (sizes[2] == sizes[3]) and packing != "separate":
                continue
            for dtype in TYPES:
                for threads in (1, 2):
                    times = layer(packing, sizes, dtype, threads, args.ops, args.rounds)
                    columns = [name, packing, np.dtype(dtype).name, threads]
                    if args.json:
                        print(json.dumps({"columns": columns, "microseconds": times}), flush=True)
                        continue
                    (fast, median), (plain_fast, plain_median) = times["heads"], times["nodes"]
                    ratios = [plain_fast / fast, plain_median / median]
                    cells = [*map(str, columns), f"{fast:.1f} µs", f"{plain_fast:.1f} µs", *(f"{r:.2f}" for r in ratios)]
                    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
