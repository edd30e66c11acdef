#!/usr/bin/env python3
"""Rows of sinusoids: looked up in a table by Gather, against SinusoidalEmbedding of the operator library.

    python benches/sinusoidal_table.py [--ops PATH] [--rounds N]

How contestants are measured is said in `rotary_table.py`.

Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import sys

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from rotary_table import IMPORTS, ROOT, Contestant, rate

# name, shape of the positions, channels, rows of the table
SHAPES = [
    ("decode", (1, 1), 1024, 1026),
    ("decoder", (1, 512), 1024, 1026),
    ("encoder", (1, 1500), 1280, 1500),
]


def model(contestant, shape, channels, rows):
    frequencies = (10_000.0 ** -(np.arange(channels // 2) / (channels // 2))).astype(np.float32)
    if contestant == "computed":
        held = [numpy_helper.from_array(frequencies.astype(np.float64), "frequencies")]
        held.append(numpy_helper.from_array(np.zeros([], np.float32), "float"))
        node = helper.make_node("SinusoidalEmbedding", ["positions", "frequencies", "float"], ["y"], domain="ai.phasor")
    else:
        angles = np.arange(rows, dtype=np.float32)[:, None] * frequencies
        held = [numpy_helper.from_array(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), "table")]
        node = helper.make_node("Gather", ["table", "positions"], ["y"])
    inputs = [helper.make_tensor_value_info("positions", TensorProto.INT64, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [*shape, channels])]
    return helper.make_model(helper.make_graph([node], "rows", inputs, outputs, held), opset_imports=IMPORTS, ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds a node (fastest round); ratio: fastest, median\n")
    print("| positions | channels | table | threads | computed | looked up | computed / looked up |")
    print("|---|---|---|---|---|---|---|")
    for name, shape, channels, rows in SHAPES:
        given = {"positions": np.arange(np.prod(shape), dtype=np.int64).reshape(shape)}
        for threads in (1, 2):
            contestants = {
                kind: Contestant(model(kind, shape, channels, rows), given, np.float32, threads, args.ops, 1)
                for kind in ("computed", "looked up")
            }
            computed, looked_up = (contestants[kind].run()[0] for kind in ("computed", "looked up"))
            assert np.abs(computed - looked_up).max() < 2.0**-22
            t = rate(contestants, 100 if computed.size < 1 << 14 else 1, args.rounds)
            ratio = ", ".join(f"{t['computed'][i] / t['looked up'][i]:.2f}" for i in (0, 1))
            size = f"{rows * channels * 4 / 1e6:.1f} MB"
            times = " | ".join(f"{t[kind][0]:.3g}" for kind in ("computed", "looked up"))
            print(f"| {name} {list(shape)} | {channels} | {size} | {threads} | {times} | {ratio} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
