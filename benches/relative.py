#!/usr/bin/env python3
"""Models with relative positions at real widths, as exporters spell them, before and after `phasor fuse`.

    python benches/relative.py [--phasor PATH] [--ops PATH] [--rounds N] [--only TEXT] [--lengths N,N] [--json]

The models, two layers each, are those of `relative_models.py`. Batch is 1; sequence, and for a step of a decoder its past, have the length.

Original and fused model run in one process on one thread, in an order shuffled anew every round, each once before it is timed, so that
the caches hold what it leaves there itself. What counts is the time of the processor, which bears other load on the machine; what is
compared are ratios of the fastest rounds. Where nothing is found to fuse the ratio is 1. `MB` is the largest resident set of a process that
loads the model and runs it once. Half precision runs where ONNX Runtime has the kernels.

Needs onnxruntime, onnx, numpy, the program (`cargo build --release`) and the operator library (`cargo build --release -p phasor-ops`); Linux.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnx
    import onnxruntime as ort
    from relative_models import MODELS, model

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A round of the original model takes this long at least, in nanoseconds.
ROUND = 1_000_000
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def session(path, library):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(str(library))
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(session, length):
    """Random inputs, nothing of them masked."""
    random = np.random.default_rng(2)
    made = {}
    for given in session.get_inputs():
        shape = [1 if size == "batch" else length if isinstance(size, str) else size for size in given.shape]
        if given.type in FLOATS:
            made[given.name] = random.standard_normal(shape).astype(FLOATS[given.type])
        else:
            made[given.name] = np.ones(shape, np.int64) if "mask" in given.name else random.integers(0, 1000, shape)
    return made


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
    inputs = feeds(sessions[0], length)
    results = [[y.astype(np.float64) for y in s.run(None, inputs)] for s in sessions]
    times = [[] for _ in paths]
    began = time.process_time_ns()
    sessions[0].run(None, inputs)
    runs = 1 + ROUND // (time.process_time_ns() - began)
    for _ in range(rounds):
        for at in random.sample(range(len(paths)), len(paths)):
            sessions[at].run(None, inputs)
            begin = time.process_time_ns()
            for _ in range(runs):
                sessions[at].run(None, inputs)
            times[at].append((time.process_time_ns() - begin) / 1e6 / runs)
    return [min(t) for t in times], max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(*results))


def rows(arguments, name, dtype, folder):
    proto = model(name, dtype)
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
    return [*cells, pair(row["ms"], ".3g"), f"{row['ratio']:.2f}", pair(row["MB"], ".0f"), f"{row['difference']:.0e}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        alone = session(arguments.alone, arguments.ops)
        alone.run(None, feeds(alone, arguments.lengths[0]))
        print(own_peak())
        return
    needs.linux()
    needs.built(arguments.phasor, needs.PROGRAM, "--phasor")
    needs.built(arguments.ops, needs.LIBRARY, "--ops")
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
