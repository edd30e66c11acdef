"""Tells the rewriter where this package keeps the operator library, and where `onnxruntime` is."""
from __future__ import annotations

import importlib.util
import pathlib
import sys
import sysconfig

from . import _native

_FOLDER = pathlib.Path(__file__).parent


def announce() -> None:
    """Looks where `onnxruntime` would be imported from, without importing it: anew each time, for it may have been installed meanwhile."""
    try:
        found = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        found = None
    places = found.submodule_search_locations if found else None
    package = next(iter(places), None) if places else None
    packages = pathlib.Path(package).parent if package else pathlib.Path(sysconfig.get_path("platlib"))
    # Empty where the interpreter is not known, as in some programs that embed it.
    program = [sys.executable, "-m", __package__] if sys.executable else []
    _native.set_host(_FOLDER, packages, program)
