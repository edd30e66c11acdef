#!/usr/bin/env python3
"""Makes a book of README.md, CONTRIBUTING.md, CHANGELOG.md and docs: pages to read in a browser, from a server or from a folder, with a search.

    python3 docs/book.py             writes `target/book/html`; a broken link, a page without a chapter or any other warning fails
    python3 docs/book.py --out DIR   writes there
    python3 docs/book.py --open      shows it in a browser afterwards

Needs Python 3.11 or newer with `venv`; installs Sphinx, as `docs/book/requirements.txt` pins it, into `target/venvs/book`. `docs/book` has
the order of the chapters (`index.md`) and the settings (`conf.py`). The pages are those of the repository, unchanged: links lead to other
pages, and otherwise to the repository.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import webbrowser

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs" / "book"
sys.path.append(str(ROOT / "tests"))
import run as suite  # noqa: E402  (virtual environments, as the tests make them)

# What pages are made of, and what they show.
GATHERED = [".md", ".svg", ".webp"]


def gather(folder):
    """Copies the pages into a folder: Sphinx takes all that lies below one, and the checkout has more."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    paths += [path for path in (ROOT / "docs").rglob("*") if path.suffix in GATHERED and BOOK not in path.parents]
    for path in paths:
        to = folder / path.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    shutil.copy(BOOK / "index.md", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="write the pages there (`target/book/html`)")
    parser.add_argument("--open", action="store_true", help="show the book in a browser")
    args = parser.parse_args()
    work = suite.target() / "book"
    out = (args.out or work / "html").resolve()
    if out.exists() and not (out / "objects.inv").exists() and any(out.iterdir()):
        parser.error(f"`{out}` has other files than a book\nhint: name an empty or a new folder")
    python = suite.environment("book", BOOK / "requirements.txt")
    if python is None:
        sys.exit(f"error: the packages of `docs/book/requirements.txt` cannot be installed for Python {sys.version.split()[0]}")
    gather(work / "source")
    # Pages that are gone would stay.
    shutil.rmtree(out, ignore_errors=True)
    # Nothing is kept from the last time (-E): a page that is not read again would not repeat its warnings.
    command = [python, "-m", "sphinx", "--quiet", "-W", "--keep-going", "-n", "-E", "-j", "auto", "-c", BOOK, "-d", work / "doctrees"]
    env = {**os.environ, "PHASOR_ROOT": str(ROOT)}
    done = subprocess.run([*map(str, command), str(work / "source"), str(out)], env=env, stderr=subprocess.PIPE, text=True)
    # The pages have the same places in the checkout.
    print(done.stderr.replace(f"{work / 'source'}{os.sep}", ""), file=sys.stderr, end="")
    if done.returncode != 0:
        print("FAILED")
        return 1
    print(f"wrote `{out / 'index.html'}`")
    if args.open:
        webbrowser.open((out / "index.html").as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
