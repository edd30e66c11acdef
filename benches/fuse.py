#!/usr/bin/env python3
"""Time and memory of `phasor fuse` on models as large as they come.

    python3 benches/fuse.py [--layers N] [--repeat N]

Writes a decoder of 105 layers as either exporter spells it (19,000 nodes from TorchScript) and one with 10 GB of external weights (a sparse
file), and fuses them with `--no-verify`: verification runs the model, which is the engine's time. Needs `cargo`, nothing else; Linux.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phasor", default=str(ROOT / "target" / "release" / "phasor"))
    parser.add_argument("--layers", type=int, default=105)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    cases = [
        ("TorchScript spelling", ["--layers", args.layers, "--spelling", "torchscript"]),
        ("dynamo spelling", ["--layers", args.layers]),
        ("10 GB of external weights", ["--layers", 7, "--hidden", 4096]),
    ]
    subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "phasor", "--example", "decoder"], cwd=ROOT, check=True)
    print("| model | nodes before -> after | sites | elapsed s (best) | CPU s (best) | resident MB (most) |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with open(pathlib.Path(folder) / "weights.bin", "wb") as weights:
            weights.truncate(200 << 30)
        for name, arguments in cases:
            model = pathlib.Path(folder) / "model.onnx"
            built = generate(model, *arguments)
            runs = [fuse(args.phasor, model, pathlib.Path(folder) / "fused.onnx") for _ in range(args.repeat)]
            report = runs[0][0]
            elapsed = min(r["seconds"] for r, _, _ in runs)
            print(f"| {name} | {report['model']['nodes']:,} -> {report['nodes_after']:,} | {len(report['sites'])} "
                  f"| {elapsed:.2f} | {min(c for _, c, _ in runs):.2f} | {max(m for _, _, m in runs):.0f} |", flush=True)
            expected = int(built.split(",")[-1].split()[0])
            if len(report["sites"]) != expected:
                print(f"error: {expected} rotary embeddings were written", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
