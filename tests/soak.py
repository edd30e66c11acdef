#!/usr/bin/env python3
"""Runs one session of all operators on many threads, and compares every result with the first of the same inputs.

    python tests/soak.py --seconds 60 --threads 16

Needs `onnxruntime`, `onnx` and `numpy`; the library is that of the build folder, or `PHASOR_OPS_LIB`. Exits with 1 when a result
differs in any bit.
"""
import argparse
import os
import pathlib
import random
import sys
import threading
import time

import numpy as np
import onnx
import onnxruntime as ort

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "operators"

# Sequences long enough for several tasks a node, and short ones. Results of one size must not depend on what other threads run.
LENGTHS = [1, 2, 7, 64, 333, 1024]

MODEL = """
    <ir_version: 9, opset_import: ["" : 17, "ai.phasor" : 1]>
    soak (float[B, 8, S, 64] Q, float[B, 2, S, 64] K, int64[B, S] positions, float[32] frequencies)
        => (float[B, 8, S, 64] YQ, float[B, 2, S, 64] YK, float[B, 8, S, 64] back, float16[B, 8, S, 64] half, float[B, S, 65] embedding)
    {
        axis = Constant <value_ints: ints = [1]> ()
        cos3, sin3 = ai.phasor.RotaryTable <precise: int = 1> (positions, frequencies)
        cos = Unsqueeze (cos3, axis)
        sin = Unsqueeze (sin3, axis)
        YQ, YK = ai.phasor.RotaryEmbeddingPair (Q, K, cos, sin)
        there = ai.phasor.RotaryEmbedding <interleaved: int = 1> (YQ, cos, sin)
        back = ai.phasor.RotaryEmbedding <interleaved: int = 1, inverse: int = 1> (there, cos, sin)
        small = Cast <to: int = 10> (Q)
        half = ai.phasor.RotaryEmbedding <output_interleaved: int = 1> (small, cos, sin)
        embedding = ai.phasor.SinusoidalEmbedding <width: int = 65, padding_position: int = 3> (positions, frequencies)
    }
"""


def feeds(length):
    generator = np.random.default_rng(length)
    return {
        "Q": generator.standard_normal((1, 8, length, 64), np.float32),
        "K": generator.standard_normal((1, 2, length, 64), np.float32),
        "positions": generator.integers(0, 1 << 20, (1, length)),
        "frequencies": (10000.0 ** (-np.arange(32) / 32)).astype(np.float32),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=16)
    args = parser.parse_args()

    model = onnx.parser.parse_model(MODEL)
    used = {node.op_type for node in model.graph.node if node.domain == "ai.phasor"}
    absent = {page.stem for page in PAGES.glob("*.md")} - {"README"} - used
    if absent:
        sys.exit(f"error: the model has no {', '.join(sorted(absent))}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.enable_cpu_mem_arena = not os.environ.get("PHASOR_NO_ARENA")
    options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", str(ROOT / "target/release/libphasor_ops.so")))
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    given = [feeds(length) for length in LENGTHS]
    first = [[value.tobytes() for value in session.run(None, each)] for each in given]
    end = time.monotonic() + args.seconds
    runs, faults = [0] * args.threads, []

    def work(thread):
        choice = random.Random(thread)
        while time.monotonic() < end and not faults:
            case = choice.randrange(len(given))
            try:
                results = session.run(None, given[case])
            except Exception as error:
                faults.append(f"length {LENGTHS[case]}: {error}")
                return
            for value, expected, output in zip(results, first[case], session.get_outputs()):
                if value.tobytes() != expected:
                    faults.append(f"length {LENGTHS[case]}: `{output.name}` is not what it was")
            runs[thread] += 1

    threads = [threading.Thread(target=work, args=[index]) for index in range(args.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"{sum(runs)} runs on {args.threads} threads in {args.seconds:g} s, {len(faults)} wrong")
    return 1 if faults or not any(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
