#!/usr/bin/env python3
"""ALiBi biases that a graph cuts from a constant table, against AlibiBias with the nodes that give it positions.

    python benches/cut_bias.py [--ops PATH] [--rounds N]

The graph is one Slice of rows [1, heads, 1, longest] (as in MPT) or of squares [1, heads, longest, longest]. Instead come Shape, Gather and
Range, and the operator; of rows also Add and Reshape, for the position of the query. How contestants are measured is said in
`rotary_table.py`. Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import sys

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from rotary_table import IMPORTS, ROOT, Contestant, rate

HEADS = 32
LONGEST = 1024
LENGTHS = [16, 128, 512, 1024]
COUNT = 4


def constants(kind):
    slopes = (2.0 ** -np.arange(1, COUNT + 1)[:, None] * np.linspace(0.5, 1, HEADS)).astype(np.float32)
    at = np.arange(LONGEST)
    far = at[None, :] - (at[:, None] if kind == "square" else LONGEST - 1)
    integers = dict(zero=0, one=1, less=-1)
    lists = dict(origin=[0, 0], end=[2**62], whole=[-1], keys=[3], plane=[2, 3])
    all_ = {name: np.array(value, np.int64) for name, value in (integers | lists).items()}
    return slopes, far, all_


def model(kind, contestant, length):
    """`COUNT` biases of as many vectors of slopes, so that none can be shared."""
    slopes, far, integers = constants(kind)
    held = [numpy_helper.from_array(value, name) for name, value in integers.items()]
    queries = length if kind == "square" else 1
    inputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, 1, length])]
    nodes = [
        helper.make_node("Shape", ["scores"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "keys"], ["size"]),
    ]
    if contestant == "cut":
        nodes.append(helper.make_node("Neg", ["size"], ["start"]))
        nodes.append(helper.make_node("Concat", ["size", "size"], ["corner"], axis=0))
    else:
        nodes += [
            helper.make_node("Squeeze", ["size"], ["length"]),
            helper.make_node("Range", ["zero", "length", "one"], ["k"]),
        ]
    outputs = []
    for n in range(COUNT):
        outputs.append(helper.make_tensor_value_info(f"y{n}", TensorProto.FLOAT, [1, HEADS, queries, length]))
        if contestant == "cut":
            table = (slopes[n][None, :, None, None] * far).astype(np.float32)
            held.append(numpy_helper.from_array(table, f"table{n}"))
            cut = ["origin", "corner", "plane"] if kind == "square" else ["start", "end", "keys"]
            nodes.append(helper.make_node("Slice", [f"table{n}", *cut], [f"y{n}"]))
            continue
        held.append(numpy_helper.from_array(slopes[n], f"slopes{n}"))
        query = "k"
        if kind == "row":
            nodes += [
                helper.make_node("Add", ["length", "less"], [f"last{n}"]),
                helper.make_node("Reshape", [f"last{n}", "whole"], [f"q{n}"]),
            ]
            query = f"q{n}"
        nodes.append(helper.make_node("AlibiBias", [f"slopes{n}", query, "k"], [f"y{n}"], domain="ai.phasor"))
    graph = helper.make_graph(nodes, "biases", inputs, outputs, held)
    return helper.make_model(graph, opset_imports=IMPORTS, ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds a bias (fastest round); ratio: fastest, median\n")
    print("| table | keys | computed | cut | computed / cut |")
    print("|---|---|---|---|---|")
    for kind in ("row", "square"):
        for length in LENGTHS:
            given = {"scores": np.zeros((1, 1, 1, length), np.float32)}
            contestants = {
                name: Contestant(model(kind, name, length), given, np.float32, 1, args.ops, COUNT) for name in ("computed", "cut")
            }
            computed, cut = (contestants[name].run()[0] for name in ("computed", "cut"))
            assert np.allclose(computed, cut), (kind, length)
            t = rate(contestants, 10 if computed.size < 1 << 18 else 1, args.rounds)
            ratio = ", ".join(f"{t['computed'][i] / t['cut'][i]:.2f}" for i in (0, 1))
            print(f"| {kind} | {length} | {t['computed'][0]:.3g} | {t['cut'][0]:.3g} | {ratio} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
