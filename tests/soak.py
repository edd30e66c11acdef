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

import onnxruntime as ort
from onnx import helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ort"))
import samples

# Sequences long enough for several tasks a node, and short ones. Results of one size must not depend on what other threads run.
LENGTHS = [1, 2, 7, 64, 333]


def model_and_feeds():
    """One node an operator, each from a tensor it may overwrite; and inputs for each length."""
    nodes, inputs, outputs = [], {}, []
    for name in samples.operators():
        attributes, values, results = samples.SAMPLES[name](LENGTHS[0])
        first, *rest = values
        given = {value: f"{name}_{value}" for value in values}
        inputs.update({given[value]: array for value, array in values.items()})
        nodes.append(helper.make_node("Neg", [given[first]], [f"{name}_own"]))
        made = [f"{name}_{result}" for result in results]
        nodes.append(helper.make_node(name, [f"{name}_own", *(given[v] for v in rest)], made, domain=samples.DOMAIN, **attributes))
        outputs += made
    model = samples.model(nodes, inputs, outputs)
    feeds = [{f"{name}_{value}": array for name in samples.operators() for value, array in samples.SAMPLES[name](n)[1].items()} for n in LENGTHS]
    return model, feeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=16)
    args = parser.parse_args()

    model, given = model_and_feeds()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.enable_cpu_mem_arena = not os.environ.get("PHASOR_NO_ARENA")
    options.register_custom_ops_library(os.environ.get("PHASOR_OPS_LIB", str(ROOT / "target/release/libphasor_ops.so")))
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

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
