#!/usr/bin/env python3
"""Packages the crates as for crates.io, and compiles them from what is packaged alone.

    python3 tests/crates.py          check both, the rewriter without engines
    python3 tests/crates.py --full   build both, which may compile tract once more

Nothing of the repository is within reach of the unpacked crates. What is compiled is kept in the target folder of all other builds.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
LICENCES = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"]


def run(*command, cwd=ROOT):
    print("+", " ".join(map(str, command)), flush=True)
    env = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    if subprocess.run([str(part) for part in command], cwd=cwd, env=env).returncode != 0:
        sys.exit("FAILED")


def unpacked(crate, folder):
    """The folder of a packaged crate, which has its licences and no tests."""
    archive = max((TARGET / "package").glob(f"{crate}-[0-9]*.crate"), key=lambda path: path.stat().st_mtime)
    with tarfile.open(archive) as files:
        files.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    root = folder / archive.stem
    names = {path.name for path in root.iterdir()}
    if not names.issuperset(LICENCES) or names & {"tests", "models", "benches"}:
        sys.exit(f"error: `{archive.name}` has {', '.join(sorted(names))}")
    print(f"{archive.name}: {archive.stat().st_size / 1e6:.1f} MB")
    return root


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="build both, the rewriter with its engines")
    args = parser.parse_args()
    run("cargo", "package", "--quiet", "--no-verify", "--allow-dirty", "-p", "phasor-ops", "-p", "phasor")
    # Not below the repository, whose workspace cargo would find.
    with tempfile.TemporaryDirectory() as folder:
        operators, rewriter = (unpacked(crate, pathlib.Path(folder)) for crate in ["phasor-ops", "phasor"])
        here = f'patch.crates-io.phasor-ops.path="{operators.as_posix()}"'
        how = ["build", "--release"] if args.full else ["check", "--release"]
        run("cargo", *how, cwd=operators)
        run("cargo", "--config", here, *how, *([] if args.full else ["--no-default-features"]), cwd=rewriter)
    print("passed")


if __name__ == "__main__":
    main()
