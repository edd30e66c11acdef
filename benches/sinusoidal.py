#!/usr/bin/env python3
"""SinusoidalEmbedding of the operator library against the graph that exporters write.

    python benches/sinusoidal.py [--ops PATH] [--rounds N] [--only TEXT] [--json]

The graph is Cast (of integers), Unsqueeze, Mul, Sin, Cos, Concat; interleaved, its sines and cosines are unsqueezed, concatenated and
reshaped. How contestants are measured is said in `rotary_table.py`.

Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import json
import sys

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper
    from rotary_table import IMPORTS, ROOT, Contestant, rate

# name, shape of the positions, channels, type of the positions, interleaved
SHAPES = [
    ("timesteps", (16,), 160, "float", 0),
    ("decoder", (1, 512), 512, "int64", 0),
    ("decoder, interleaved", (1, 512), 512, "int64", 1),
    ("encoder", (4096,), 512, "int64", 0),
]
POSITIONS = {"int64": (TensorProto.INT64, np.int64), "float": (TensorProto.FLOAT, np.float32)}
ELEMENTS = {np.float32: ("f32", TensorProto.FLOAT), np.float16: ("f16", TensorProto.FLOAT16)}


def model(contestant, shape, channels, positions, interleaved, element, count):
    """`count` embeddings of as many frequency vectors, so that none can be shared. The graph computes in float."""
    kind = POSITIONS[positions][0]
    inputs = [helper.make_tensor_value_info("positions", kind, shape)]
    table = TensorProto.FLOAT if contestant == "graph" else TensorProto.DOUBLE
    inputs += [helper.make_tensor_value_info(f"f{k}", table, [channels // 2]) for k in range(count)]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("shape", TensorProto.INT64, [len(shape) + 1], [*shape, channels]),
        helper.make_tensor("type", element, [], [0]),
    ]
    nodes, outputs = [], []
    for k in range(count):
        outputs.append(helper.make_tensor_value_info(f"e{k}", element, [*shape, channels]))
        if contestant != "graph":
            given = dict(interleaved=interleaved, precise=int(contestant.endswith("precise")))
            nodes.append(
                helper.make_node("SinusoidalEmbedding", ["positions", f"f{k}", "type"], [f"e{k}"], domain="ai.phasor", **given)
            )
            continue
        at = "positions"
        if kind != TensorProto.FLOAT:
            at = f"p{k}"
            nodes.append(helper.make_node("Cast", ["positions"], [at], to=TensorProto.FLOAT))
        nodes += [
            helper.make_node("Unsqueeze", [at, "last"], [f"u{k}"]),
            helper.make_node("Mul", [f"u{k}", f"f{k}"], [f"a{k}"]),
            helper.make_node("Sin", [f"a{k}"], [f"s{k}"]),
            helper.make_node("Cos", [f"a{k}"], [f"c{k}"]),
        ]
        both, joined = [f"s{k}", f"c{k}"], f"e{k}" if element == TensorProto.FLOAT else f"j{k}"
        if interleaved:
            nodes += [helper.make_node("Unsqueeze", [v, "last"], [f"{v}u"]) for v in both]
            nodes.append(helper.make_node("Concat", [f"{v}u" for v in both], [f"w{k}"], axis=-1))
            nodes.append(helper.make_node("Reshape", [f"w{k}", "shape"], [joined]))
        else:
            nodes.append(helper.make_node("Concat", both, [joined], axis=-1))
        if joined != f"e{k}":
            nodes.append(helper.make_node("Cast", [joined], [f"e{k}"], to=element))
    graph = helper.make_graph(nodes, "embeddings", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=IMPORTS, ir_version=8)


def feeds(contestant, shape, channels, positions, dtype, count):
    values = np.arange(np.prod(shape)).reshape(shape).astype(POSITIONS[positions][1])
    frequencies = (10_000.0 ** -(np.arange(channels // 2) / (channels // 2))).astype(np.float32)
    if contestant != "graph":
        frequencies = frequencies.astype(dtype).astype(np.float64)
    return {"positions": values, **{f"f{k}": frequencies for k in range(count)}}


def embeddings(shape, channels, positions, interleaved, dtype, threads, library, rounds):
    small = np.prod(shape) * channels < 1 << 14
    count = 16 if small else 1
    contestants = {}
    for name in ("phasor", "phasor precise", "graph"):
        proto = model(name, shape, channels, positions, interleaved, ELEMENTS[dtype][1], count)
        given = feeds(name, shape, channels, positions, dtype, count)
        contestants[name] = Contestant(proto, given, dtype, threads, library, count)
    got, wanted = contestants["phasor"].run()[0], contestants["graph"].run()[0]
    if dtype == np.float32:
        assert np.abs(got - wanted).max() < 1e-6
    return rate(contestants, 10 if small else 1, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    if not args.json:
        print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds a node (fastest round); ratios: fastest, median\n")
        print("| positions | channels | type | threads | Phasor | precise | graph | graph / Phasor | graph / precise |")
        print("|---|---|---|---|---|---|---|---|---|")
    for name, shape, channels, positions, interleaved in SHAPES:
        for dtype in ELEMENTS if args.only in name else ():
            for threads in (1, 2):
                t = embeddings(shape, channels, positions, interleaved, dtype, threads, args.ops, args.rounds)
                columns = [f"{name} {list(shape)}", channels, ELEMENTS[dtype][0], threads]
                if args.json:
                    print(json.dumps({"columns": columns, "microseconds": t}), flush=True)
                    continue
                times = [f"{t[n][0]:.3g}" for n in t]
                ratios = [
                    ", ".join(f"{t['graph'][i] / t[n][i]:.2f}" for i in (0, 1)) for n in ("phasor", "phasor precise")
                ]
                print(f"| {' | '.join(map(str, [*columns, *times, *ratios]))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
