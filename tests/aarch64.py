#!/usr/bin/env python3
"""Checks the kernels of AArch64 on a machine of another kind: lints them, and runs the tests of the operator library in qemu.

    python3 tests/aarch64.py            what this machine can
    python3 tests/aarch64.py --install  tries to get what is missing first: the target from rustup, the rest from Debian (as root)

Linting the library needs Rust's target `aarch64-unknown-linux-gnu`. Linting and running its tests needs a C++ compiler and qemu as well:
Debian's `g++-aarch64-linux-gnu` and `qemu-user`. What is missing makes a check say `skipped`, with the reason.
"""
import argparse
import pathlib
import platform
import shutil
import subprocess
import sys

from run import report, run

TARGET = "aarch64-unknown-linux-gnu"
LINKER = "aarch64-linux-gnu-gcc"
COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = "qemu-aarch64"
LIBRARIES = pathlib.Path("/usr/aarch64-linux-gnu")
PACKAGES = ["g++-aarch64-linux-gnu", "qemu-user"]
# A server that does not answer must not hold up the rest.
PATIENCE = ["timeout", "300"] if shutil.which("timeout") else []


def has_target():
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    return any((pathlib.Path(sysroot) / "lib" / "rustlib" / TARGET / "lib").glob("libcore-*.rlib"))


def missing():
    """What the tests take and is not there."""
    tools = [tool for tool in (LINKER, COMPILER, EMULATOR) if not shutil.which(tool)]
    return tools + [str(path) for path in [LIBRARIES] if not path.is_dir()]


def install():
    if not has_target() and shutil.which("rustup"):
        run(*PATIENCE, "rustup", "target", "add", TARGET)
    if missing() and shutil.which("apt-get"):
        run(*PATIENCE, "apt-get", "update", "-qq")
        run(*PATIENCE, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="tries to get what is missing first")
    args = parser.parse_args()
    results = {"clippy": None, "cargo test": None}
    if platform.machine() in ("aarch64", "arm64"):
        print("skipped: this machine is one: `python3 tests/run.py` tests its kernels")
        return report(results)
    if args.install:
        install()
    what = ["--release", "--package", "phasor-ops", "--target", TARGET]
    if not has_target():
        print(f"skipped: Rust's target {TARGET} is not installed")
        return report(results)
    absent = missing()
    results["clippy"] = run("cargo", "clippy", *what, "--lib" if absent else "--all-targets", "--", "-D", "warnings")
    if absent:
        print(f"skipped: the tests: {', '.join(absent)} not found")
        return report(results)
    prefix = f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}"
    env = {f"{prefix}_LINKER": LINKER, f"{prefix}_RUNNER": f"{EMULATOR} -L {LIBRARIES}"}
    results["cargo test"] = run("cargo", "test", *what, "--all-targets", env=env)
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
