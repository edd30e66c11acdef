#!/usr/bin/env python3
"""Writes what is released for Python to `dist/`: a wheel for Linux with glibc 2.28 or newer, and the source distribution.

    python python/release.py                                       for this machine's architecture
    python python/release.py --target aarch64-unknown-linux-gnu    for another one

Needs maturin, ziglang, cargo-zigbuild, build and auditwheel (`docs/releasing.md`): zig links against the symbols of the glibc that is asked
for, whatever this machine has.
"""
import argparse
import os
import pathlib
import platform
import subprocess
import sys
import sysconfig

import backend

GLIBC = "2.28"
TAG = "manylinux_2_28"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default=f"{platform.machine()}-unknown-linux-gnu", help="the Rust target to build for")
    parser.add_argument("--out", type=pathlib.Path, default=backend.ROOT / "dist", help="the folder to write to (`dist`)")
    args = parser.parse_args()
    # The programs of this environment, active or not.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    run = lambda *command: subprocess.run([str(part) for part in command], cwd=backend.ROOT, check=True)
    os.environ["PHASOR_COMMIT"] = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=backend.ROOT, text=True).strip()
    before = set(args.out.glob("*.whl"))
    # maturin calls zig in another way, and so builds the module anew in any case.
    with backend.operator_library(f"{args.target}.{GLIBC}", ("cargo-zigbuild", "zigbuild"), ["phasor-ops"]):
        run("maturin", "build", "--release", "--zig", "--target", args.target, "--compatibility", TAG, "--out", args.out)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", args.out, backend.ROOT)
    for wheel in set(args.out.glob("*.whl")) - before or before:
        run("auditwheel", "show", wheel)
        print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
