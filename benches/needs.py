"""What a benchmark needs beside Python: says what is missing and how to get it, and ends with code 2.

Packages are asked for before they are imported:

    with needs.packages("numpy", "onnx"):
        import numpy as np
"""
import contextlib
import importlib.util
import pathlib
import shutil
import subprocess
import sys

import __main__

# By the name under which a module is imported, where the package has another.
PACKAGES = {"onnx_ir": "onnx-ir"}
LIBRARY = "cargo build --release -p phasor-ops"
PROGRAM = "cargo build --release"
BODIES = "cargo build --release -p phasor-ops --example function_body"


def missing(what, hint):
    print(f"error: {what}\nhint: {hint}", file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def packages(*names):
    """Whoever asks for help gets it without the packages as well."""
    absent = [PACKAGES.get(name, name) for name in names if importlib.util.find_spec(name) is None]
    if absent:
        if {"-h", "--help"} & set(sys.argv[1:]) and __main__.__doc__:
            print(__main__.__doc__.strip())
            sys.exit(0)
        wanted = " ".join(PACKAGES.get(name, name) for name in names)
        missing(f"no package {', '.join(f'`{name}`' for name in absent)} in `{sys.executable}`", f"`python -m pip install {wanted}`, in a virtual environment")
    yield


def packages_of(python, *names):
    """The same of another interpreter, which an option names."""
    if shutil.which(python) is None:
        missing(f"`{python}`: no program", f"name a Python with {', '.join(names)}")
    code = f"import importlib.util as u; print(*(n for n in {names!r} if u.find_spec(n) is None))"
    absent = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if absent:
        missing(f"no package {', '.join(f'`{name}`' for name in absent)} in `{python}`", f"`{python} -m pip install {' '.join(names)}`")


def built(path, command, option=None):
    """A program or a library that is built, or named by an option; its absolute path."""
    found = pathlib.Path(path).absolute()
    if not found.is_file():
        missing(f"`{path}`: no such file", f"`{command}` builds it" + (f", and `{option} PATH` names another" if option else ""))
    return found


def tool(name, hint):
    """A program in the search path."""
    if shutil.which(name) is None:
        missing(f"no `{name}` in the search path", hint)


def linux():
    if not sys.platform.startswith("linux"):
        missing(f"processes are measured as Linux does, and this is {sys.platform}", "run it on Linux")
