#!/usr/bin/env python3
"""Runs every test of the project: Rust, the command line, and ONNX Runtime in its oldest, a middle and its newest release.

    python3 tests/run.py            everything
    python3 tests/run.py --rust     only the Rust tests
    python3 tests/run.py --python   only the Python tests (after a build)
    python3 tests/run.py --all-hosts  also the operator library in three more releases of ONNX Runtime
    python3 tests/run.py --strict   count every skip as a failure, except for what a release of ONNX Runtime lacks

Needs Rust and Python 3.11 or 3.12 with `venv`; installs the rest into `target/venvs`.
"""
import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON_TESTS = ROOT / "tests" / "python"
ORT_TESTS = ROOT / "tests" / "ort"
# The releases of ONNX Runtime that run everything, and those that run the operator library alone.
RELEASES = ["newest", "middle", "oldest"]
MORE_HOSTS = ["1.31", "1.26", "1.22"]


def target():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def run(*command, env=None):
    print("+", " ".join(map(str, command)), flush=True)
    begun = time.monotonic()
    code = subprocess.run([str(part) for part in command], cwd=ROOT, env={**os.environ, **(env or {})}).returncode
    print(f"took {time.monotonic() - begun:.0f} s: {' '.join(map(str, command[:4]))}", flush=True)
    return code == 0


def environment(name, requirements=None):
    """The interpreter of a virtual environment with pinned packages, by default those of a release; None if these cannot be installed."""
    requirements = requirements or PYTHON_TESTS / f"requirements-{name}.txt"
    folder = target() / "venvs" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    if not run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements):
        return None
    stamp.write_text(wanted)
    return python


def ort_library(python):
    """ONNX Runtime's library inside a virtual environment, for the Rust tests that run models in it."""
    found = sorted(python.parent.parent.glob("lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    return str(found[0]) if found else None


def pytest(python, folder, env):
    return run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--confcutdir={ROOT / 'tests'}", folder, env=env)


def report(results):
    """Prints the results and returns the exit code."""
    print()
    for name, passed in results.items():
        print(f"{'skipped' if passed is None else 'passed' if passed else 'FAILED':8} {name}")
    outcomes = list(results.values())
    skipped = f", {outcomes.count(None)} skipped" if None in outcomes else ""
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed{skipped}")
    return 0 if all(passed is not False for passed in results.values()) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rust", action="store_true", help="run only the Rust tests")
    parser.add_argument("--python", action="store_true", help="run only the Python tests")
    parser.add_argument("--all-hosts", action="store_true", help=f"also run the operator library in ONNX Runtime {', '.join(MORE_HOSTS)}")
    parser.add_argument("--strict", action="store_true", help="count every skip as a failure, except for what a release of ONNX Runtime lacks")
    args = parser.parse_args()
    both = args.rust == args.python
    results = {}

    pythons = {release: environment(release) for release in RELEASES + (MORE_HOSTS if args.all_hosts else [])}
    # Programs, library and tests share the release profile and so one build.
    if not run("cargo", "build", "--release", "--workspace", "--lib", "--bins", "--examples"):
        sys.exit("error: the build failed")
    if both or args.rust:
        newest = pythons["newest"]
        library = ort_library(newest) if newest else None
        env = {"ORT_DYLIB_PATH": library} if library else {}
        if args.strict:
            env["PHASOR_STRICT"] = "1"
        results["cargo test"] = run("cargo", "test", "--release", "--workspace", "--no-fail-fast", env=env)
        for release, python in pythons.items():
            # The oldest release has no library beside its Python module.
            library = ort_library(python) if python not in (None, newest) else None
            if library:
                env["ORT_DYLIB_PATH"] = library
                results[f"conformance, {release} ONNX Runtime"] = run("cargo", "test", "--release", "--test", "conformance", env=env)
        # The CUDA checks that need no device: the kernels compile to what is committed.
        code = subprocess.run([sys.executable, str(ROOT / "cpp" / "build.py"), "--check", "--sass"]).returncode
        results["CUDA kernels"] = code == 0 if code != 77 or args.strict else None
    if both or args.python:
        env = {"PHASOR_BIN": str(target() / "release" / "phasor"), "PHASOR_OPS_LIB": str(target() / "release" / "libphasor_ops.so")}
        if args.strict:
            env["PHASOR_STRICT"] = "1"
        for release, python in pythons.items():
            name = f"pytest, {release} ONNX Runtime"
            if python is None:
                print(f"skipped: {name}: its packages cannot be installed for Python {sys.version.split()[0]}")
                results[name] = False if args.strict else None
                continue
            others = [ort_library(other) for other in pythons.values() if other not in (None, python)]
            env["PHASOR_OTHER_HOSTS"] = os.pathsep.join(path for path in others if path)
            # Two runs: each folder has its own fixtures.
            folders = [ORT_TESTS] if release in MORE_HOSTS else [PYTHON_TESTS, ORT_TESTS]
            results[name] = all([pytest(python, folder, env) for folder in folders])

    return report(results)


if __name__ == "__main__":
    sys.exit(main())
