#!/usr/bin/env python3
"""Runs the commands that the documentation shows, and compares what they print with what it shows.

    python3 tests/docs.py              all pages that need no more than the program
    python3 tests/docs.py --only NAME  the pages whose names contain this
    python3 tests/docs.py --list       every block, and what becomes of it
    python3 tests/docs.py --write      writes docs/commands.md, from what the program says of its commands

`tests/docs/table.py` says which blocks another test runs, and which cannot run. A block that neither runs nor stands in the table is a failure,
and so is an entry of the table that names no block. `tests/docs/output.py` says how output is compared. The pages of docs/deploy run in
`tests/deploy.py`. Every benchmark has to print its help, with what it needs, where no package is installed.

A page finds the program in the search path, and in its folder what a checkout has, with a model to fuse in `model.onnx`.

Needs Python 3.11 or 3.12 with `venv`, and bash; installs ONNX Runtime into `target/venvs/deploy`. Builds the program and the library, unless
`PHASOR_BIN` names the program.
"""
import argparse
import doctest
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

import run as suite

sys.path.append(str(suite.ROOT / "tests" / "docs"))
import blocks  # noqa: E402
import commands  # noqa: E402
import output  # noqa: E402
import session  # noqa: E402
import table  # noqa: E402
import usage  # noqa: E402

REQUIREMENTS = suite.ROOT / "tests" / "deploy" / "requirements.txt"


def runs(page):
    """Whether something of a page runs here."""
    return page not in table.DEPLOYED and any(table.fate(block) is None for block in blocks.read(page))


def show(page):
    for block in blocks.read(page):
        entry = table.fate(block)
        if entry is None:
            what = f"tests/deploy.py --only {table.DEPLOYED[page]}" if page in table.DEPLOYED else "runs"
        else:
            what = " ".join(str(getattr(entry, field)) for field in list(entry.__dataclass_fields__)[2:])
            what = f"{type(entry).__name__.lower()}: {what}"
        print(f"{page}:{block.line:<4} {block.language:8} {block.first.strip()[:50]:52} {what}")


def check_table():
    faults = list(table.faults([block for page in blocks.pages() for block in blocks.read(page)]))
    for fault in faults:
        print(f"FAILED   {fault}")
    return not faults


def check_benches():
    """Every benchmark says what it needs, to someone who has none of it."""
    right = True
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=False)
        for script in sorted((suite.ROOT / "benches").glob("*.py")):
            command = [str(pathlib.Path(scratch, "bin", "python")), str(script), "--help"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if script.name != "needs.py" and (done.returncode != 0 or "needs" not in done.stdout.lower()):
                right = False
                print(f"FAILED   `{script.relative_to(suite.ROOT)} --help` ends with code {done.returncode}, or does not say what it needs\n{done.stdout}")
    return right


def run_pages(pages, python, phasor):
    results = {}
    for page in pages:
        print(f"+ {page}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch).resolve() / "checkout"
            results[page] = session.Session(folder, phasor, python.parent, suite.target().resolve()).run(page)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the pages whose names contain one of these")
    parser.add_argument("--list", action="store_true", help="print every block, and what becomes of it")
    parser.add_argument("--write", action="store_true", help="write docs/commands.md anew")
    args = parser.parse_args()
    pages = [page for page in blocks.pages() if not args.only or any(name in page for name in args.only)]
    if not pages:
        parser.error(f"no page is named {' or '.join(args.only)}")
    if args.list:
        for page in pages:
            show(page)
        return 0
    if "PHASOR_BIN" not in os.environ and not suite.run("cargo", "build", "--release", "--workspace", "--lib", "--bins"):
        sys.exit("error: the build failed")
    phasor = pathlib.Path(os.environ.get("PHASOR_BIN", suite.target() / "release" / "phasor")).resolve()
    if args.write:
        commands.write(phasor)
        return 0
    results = {"how output is compared": doctest.testmod(output).failed == 0, "the table of blocks": check_table(), "benchmarks": check_benches()}
    python = suite.environment("deploy", REQUIREMENTS)
    if python is None:
        sys.exit("error: the packages of `tests/deploy/requirements.txt` cannot be installed")
    results["the page of commands"] = commands.check(phasor)
    results["commands and options"] = usage.check(phasor)
    results |= run_pages([page for page in pages if runs(page)], python, phasor)
    return suite.report(results)


if __name__ == "__main__":
    sys.exit(main())
