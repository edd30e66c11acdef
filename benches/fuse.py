#!/usr/bin/env python3
"""Time and memory of `phasor fuse` on models as large as they come, and of other fusers on the same files.

    python3 benches/fuse.py [--layers N] [--repeat N] [--peers PYTHON]

Writes a decoder of 105 layers as either exporter spells it (19,000 nodes from TorchScript), the same with small weights inside, and one
with 10 GB of external weights (a sparse file), and fuses them with `--no-verify`: verification runs the model, which is the engine's time.
PYTHON is an interpreter that has onnxruntime, onnx and onnxscript: its fusers read and rewrite the files with weights, once each, and
need not write them. One that takes longer than half an hour or more memory than there is counts as failed. Needs cargo, with
which it builds Phasor and the example that writes decoders; Linux.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import needs

ROOT = pathlib.Path(__file__).resolve().parent.parent


def generate(path, *arguments):
    """Writes a model; its words, such as `400 nodes, 4 rotary embeddings`."""
    command = [ROOT / "target" / "release" / "examples" / "decoder", path, *arguments]
    return subprocess.run([str(a) for a in command], check=True, capture_output=True, text=True).stdout.strip()


def fuse(phasor, model, output):
    """Seconds by the program's own account and by the clock of the CPU, and the largest resident set in MB."""
    process = subprocess.Popen(
        [str(phasor), "fuse", str(model), "-o", str(output), "--force", "--no-verify", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    report = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(process.stderr.read().decode())
    return json.loads(report), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


# What reads and rewrites a model with another fuser, and says how many rotary embeddings it found.
PEERS = {
    "onnxscript": """
import onnx_ir
from onnxscript.rewriter.ort_fusions import optimize_for_ort
model = onnx_ir.load(path)
result = optimize_for_ort(model)
model = result[0] if isinstance(result, tuple) else model
print(sum(node.op_type == "RotaryEmbedding" for node in model.graph.all_nodes()))
""",
    "onnxruntime": """
from onnxruntime.transformers import optimizer
model = optimizer.optimize_model(path, model_type="gpt_neox", num_heads=heads, hidden_size=hidden, opt_level=0)
print(sum(node.op_type == "RotaryEmbedding" for node in model.model.graph.node))
""",
}


def peer(python, script, model, heads, hidden):
    """Seconds by the clock and of the CPU, largest resident set in MB, and rotary embeddings found; or why there are none."""
    code = f"path, heads, hidden = {str(model)!r}, {heads}, {hidden}\n{script}"
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([python, "-c", code], stdout=out, stderr=errors)
        clock = threading.Timer(1800, process.kill)
        clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        clock.cancel()
        elapsed = time.monotonic() - begin
        out.seek(0), errors.seek(0)
        last = (errors.read().strip().splitlines() or ["killed"])[-1]
        found = out.read().split()[-1] if status == 0 else f"failed: {last[:80]}"
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phasor", default=str(ROOT / "target" / "release" / "phasor"))
    parser.add_argument("--layers", type=int, default=105)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON")
    args = parser.parse_args()
    needs.linux()
    needs.tool("cargo", "install Rust 1.92 or newer")
    if args.peers:
        needs.packages_of(args.peers, "onnx", "onnxruntime", "onnxscript")
    small = ["--hidden", 128, "--heads", 8, "--head-dim", 16, "--vocabulary", 1000, "--constant"]
    # Name, arguments, and heads and hidden size where others are to fuse it as well.
    cases = [
        ("TorchScript spelling", ["--layers", args.layers, "--spelling", "torchscript"], None),
        ("dynamo spelling", ["--layers", args.layers], None),
        ("TorchScript spelling, small weights inside", ["--layers", args.layers, "--spelling", "torchscript", *small], (8, 128)),
        ("dynamo spelling, small weights inside", ["--layers", args.layers, *small], (8, 128)),
        ("10 GB of external weights", ["--layers", 7, "--hidden", 4096], (32, 4096)),
    ]
    build = ["cargo", "build", "--quiet", "--release", "--bin", "phasor", "--example", "decoder"]
    if subprocess.run(build, cwd=ROOT).returncode != 0:
        needs.missing("Phasor cannot be built", f"`{' '.join(build)}` says why")
    needs.built(args.phasor, needs.PROGRAM, "--phasor")
    print("| model | by | nodes before -> after | sites | elapsed s (best) | CPU s (best) | resident MB (most) |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with open(pathlib.Path(folder) / "weights.bin", "wb") as weights:
            weights.truncate(200 << 30)
        for name, arguments, sizes in cases:
            model = pathlib.Path(folder) / "model.onnx"
            built = generate(model, *arguments)
            runs = [fuse(args.phasor, model, pathlib.Path(folder) / "fused.onnx") for _ in range(args.repeat)]
            report = runs[0][0]
            elapsed = min(r["seconds"] for r, _, _ in runs)
            print(f"| {name} | Phasor | {report['model']['nodes']:,} -> {report['nodes_after']:,} | {len(report['sites'])} "
                  f"| {elapsed:.2f} | {min(c for _, c, _ in runs):.2f} | {max(m for _, _, m in runs):.0f} |", flush=True)
            expected = int(built.split(",")[-1].split()[0])
            if len(report["sites"]) != expected:
                print(f"error: {expected} rotary embeddings were written", file=sys.stderr)
                return 1
            for title, script in PEERS.items() if args.peers and sizes else ():
                elapsed, cpu, memory, found = peer(args.peers, script, model, *sizes)
                print(f"| {name} | {title} | | {found} | {elapsed:.1f} | {cpu:.1f} | {memory:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
