#!/usr/bin/env python3
"""Builds the Python package, installs it into a fresh environment and tests it there.

    python3 tests/package.py               build the wheel in `target`, and test it
    python3 tests/package.py --sdist       also build a wheel from the source distribution, and test that one
    python3 tests/package.py --wheel FILE  test a wheel that is there
    python3 tests/package.py --strict      count every skip as a failure

Needs Rust, and Python from 3.10 on with `venv` and `pip`, which fetches maturin and the packages of `tests/package/requirements.txt`.
The module is compiled with the profile, the features and the target folder of `cargo build --release --workspace`: only what that has not
compiled is compiled here.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "package"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
WORK = TARGET / "package-test"


def run(*command, cwd=ROOT, env=None):
    print("+", " ".join(map(str, command)), flush=True)
    begun = time.monotonic()
    code = subprocess.run([str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})}).returncode
    print(f"took {time.monotonic() - begun:.0f} s: {' '.join(map(str, command[:4]))}", flush=True)
    return code == 0


def environment(folder):
    """The interpreter of a fresh virtual environment."""
    venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python, *arguments, **options):
    return run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, **options)


def wheel_of(python, source, folder):
    """Builds a wheel as `pip install` would, from a folder of sources; None if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    # The folder of sources may be elsewhere, and is to share what is compiled.
    if not pip(python, "wheel", "--no-deps", "--wheel-dir", folder, source, env={"CARGO_TARGET_DIR": str(TARGET)}):
        return None
    return next(folder.glob("*.whl"))


def sources_of(python, folder):
    """Builds a source distribution and unpacks it; None if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    if not pip(python, "install", "build") or not run(python, "-m", "build", "--sdist", "--outdir", folder, ROOT):
        return None
    archive = next(folder.glob("*.tar.gz"))
    print(f"{archive.name}: {archive.stat().st_size / 1e6:.1f} MB")
    with tarfile.open(archive) as files:
        files.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return next(path for path in folder.iterdir() if path.is_dir())


def test(python, wheel, strict):
    """Installs a wheel and runs the tests, from a folder that has no sources in it."""
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    env = {"PHASOR_STRICT": "1"} if strict else {}
    return pip(python, "install", "--force-reinstall", "--no-deps", wheel) and run(
        python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--confcutdir={ROOT / 'tests'}", TESTS, cwd=WORK, env=env
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdist", action="store_true", help="also test a wheel that is built from the source distribution")
    parser.add_argument("--wheel", type=pathlib.Path, help="test this wheel, and build none")
    parser.add_argument("--strict", action="store_true", help="count every skip as a failure")
    args = parser.parse_args()
    status = lambda: subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    before = status()
    python = environment(WORK / "venv")
    if not pip(python, "install", "-r", TESTS / "requirements.txt"):
        print(f"skipped: the packages of the tests cannot be installed for Python {sys.version.split()[0]}")
        return 1 if args.strict else 0
    wheel = args.wheel.resolve() if args.wheel else wheel_of(python, ROOT, WORK / "wheel")
    passed = wheel is not None and test(python, wheel, args.strict)
    if args.sdist and passed:
        sources = sources_of(python, WORK / "sdist")
        wheel = sources and wheel_of(python, sources, WORK / "wheel-of-sdist")
        passed = bool(wheel) and test(python, wheel, args.strict)
    if status() != before:
        print("error: the build has left files in the checkout")
        passed = False
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
