#!/usr/bin/env python3
"""Runs the operator library under memory checkers, and for a long time.

    python3 tests/sanitize.py                  everything; the library is compiled once more
    python3 tests/sanitize.py --only address   one of the steps, or several
    python3 tests/sanitize.py --seconds 600    a longer soak

The steps:

    address    its Rust tests under AddressSanitizer, leaks and Rust's own debug assertions included; then those of the engine that
               runs models in ONNX Runtime, without leaks, which ONNX Runtime has
    host       its tests in ONNX Runtime, the library under AddressSanitizer, every tensor an allocation of its own; then a short soak
    valgrind   its Rust tests under valgrind, which sees reads of what was never written; it knows no AVX-512
    soak       one session of all operators on 16 threads, every result compared with the first

AddressSanitizer is that of Rust, and in `host` that of gcc, which has the same interface and can be loaded before Python. A step
whose tools are absent is skipped and says so; with `--strict` that is a failure.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

import run as suite

TARGET = "x86_64-unknown-linux-gnu"
FOLDER = suite.target() / "sanitize"
ADDRESS = {
    # The flag is one of the nightly compiler's, which the stable one takes when it is told to be that.
    "RUSTC_BOOTSTRAP": "1",
    "RUSTFLAGS": "-Zsanitizer=address -Cdebug-assertions=on",
    "CARGO_TARGET_DIR": str(FOLDER),
}
# The tables of a host live as long as the process; in tests their hosts are lost before.
LEAKS_BY_DESIGN = ["phasor_ops::abi::operator::table", "phasor_ops::abi::host::fake", "phasor_ops::abi::register::tests"]


def cargo(*arguments):
    return ["cargo", *arguments, "--release", "-p", "phasor-ops", "--target", TARGET]


def address(_):
    suppressions = FOLDER / "leaks.txt"
    FOLDER.mkdir(parents=True, exist_ok=True)
    suppressions.write_text("".join(f"leak:{name}\n" for name in LEAKS_BY_DESIGN))
    env = {**ADDRESS, "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0"}
    # That test starts itself with a library of C++, which has a sanitizer of its own.
    return suite.run(*cargo("test"), "--", "--skip", "the_driver_is_called", env=env) and engine()


def engine():
    python = suite.environment("newest")
    library = suite.ort_library(python) if python else None
    if library is None:
        skipped("address, the engine", "the packages of the newest ONNX Runtime cannot be installed")
        return True
    env = {**ADDRESS, "ASAN_OPTIONS": "detect_leaks=0", "ORT_DYLIB_PATH": library, "PHASOR_STRICT": "1"}
    # Without the embedded engine, which takes minutes to compile once more.
    build = ["cargo", "test", "--release", "-p", "phasor", "--target", TARGET, "--no-default-features", "--features", "ort"]
    return suite.run(*build, "--test", "onnx_runtime", env=env)


def host(_):
    runtimes = [gcc_library(name) for name in ("libasan.so", "libstdc++.so")]
    python = suite.environment("newest")
    if None in runtimes or python is None:
        return skipped("host", "needs gcc with its AddressSanitizer, and the packages of the newest ONNX Runtime")
    if not suite.run(*cargo("build", "--lib"), env=ADDRESS):
        return False
    if not suite.run("cargo", "build", "--release", "-p", "phasor-ops", "--examples"):
        return False
    env = {
        # The C++ library too, or the sanitizer does not find what it wraps of exceptions.
        "LD_PRELOAD": " ".join(runtimes),
        # Python leaks by design.
        "ASAN_OPTIONS": "detect_leaks=0",
        "PHASOR_NO_ARENA": "1",
        "PHASOR_OPS_LIB": str(FOLDER / TARGET / "release" / "libphasor_ops.so"),
    }
    return suite.pytest(python, suite.ORT_TESTS, env) and suite.run(python, suite.ROOT / "tests" / "soak.py", "--seconds", "10", env=env)


def gcc_library(name):
    """The path of one of gcc's libraries; None where there is none."""
    if not shutil.which("gcc"):
        return None
    path = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
    return path if os.path.isabs(path) else None


def valgrind(_):
    if not shutil.which("valgrind"):
        return skipped("valgrind", "it is not installed")
    build = ["cargo", "test", "--release", "-p", "phasor-ops", "--no-run", "--message-format=json"]
    lines = subprocess.run(build, cwd=suite.ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = [json.loads(line) for line in lines]
    # The test of the pages has nothing to do with memory.
    tests = [m["executable"] for m in made if m.get("executable") and m["profile"]["test"] and m["target"]["name"] != "pages"]
    return bool(tests) and all([suite.run("valgrind", "-q", "--error-exitcode=9", test, "--test-threads", "1") for test in tests])


def soak(args):
    python = suite.environment("newest")
    if python is None:
        return skipped("soak", "the packages of the newest ONNX Runtime cannot be installed")
    # With the Python module, as everywhere: alone, its dependencies have other features, and it is compiled once more.
    if not suite.run("cargo", "build", "--release", "-p", "phasor-ops", "-p", "phasor-python", "--lib"):
        return False
    env = {"PHASOR_OPS_LIB": str(suite.target() / "release" / "libphasor_ops.so")}
    return suite.run(python, suite.ROOT / "tests" / "soak.py", "--seconds", str(args.seconds), env=env)


def skipped(name, reason):
    print(f"skipped: {name}: {reason}")
    return None


STEPS = {"address": address, "host": host, "valgrind": valgrind, "soak": soak}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), help="the steps to run")
    parser.add_argument("--seconds", type=float, default=60, help="how long the soak takes")
    parser.add_argument("--strict", action="store_true", help="a step that is skipped is a failure")
    args = parser.parse_args()
    results = {name: STEPS[name](args) for name in args.only}
    return suite.report({name: False if passed is None and args.strict else passed for name, passed in results.items()})


if __name__ == "__main__":
    sys.exit(main())
