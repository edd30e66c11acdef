#!/usr/bin/env python3
"""Opens pages of `phasor report` in a browser: at the widths of a phone and of a desktop, in light and in dark.

    python3 tests/report.py                  all checks, with the program that `cargo build --release` made
    python3 tests/report.py --phasor FILE    with another program
    python3 tests/report.py --keep FOLDER    keep the pages and pictures of them
    python3 tests/report.py --strict         count a skip as a failure

Nothing may be fetched or complain, only graphs and tables may be wider than the screen, no text may be cut or covered, and all of it must have
enough contrast. Needs Chromium, which Debian has as `chromium-headless-shell`, and Python 3.10 or newer with `venv`.
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile

import run as suite

FOLDER = suite.ROOT / "tests" / "report"
BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]


def browser():
    """The browser that `PHASOR_BROWSER` names, or one in the search path."""
    named = os.environ.get("PHASOR_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phasor", type=pathlib.Path, default=suite.target() / "release" / "phasor", help="the program")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="where to keep pages and pictures")
    parser.add_argument("--strict", action="store_true", help="count a skip as a failure")
    args = parser.parse_args()
    if not args.phasor.is_file():
        parser.error(f"{args.phasor} is no file: run `cargo build --release`")
    found = browser()
    python = found and suite.environment("report", FOLDER / "requirements.txt")
    if not python:
        why = "its packages cannot be installed" if found else f"there is no browser: none of {', '.join(BROWSERS)}"
        print(f"skipped: pages in a browser: {why}")
        return int(args.strict)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        keep = ["--keep"] if args.keep else []
        return int(not suite.run(python, FOLDER / "look.py", args.phasor.resolve(), found, folder.resolve(), *keep))


if __name__ == "__main__":
    sys.exit(main())
