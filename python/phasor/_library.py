"""The operator library."""
from __future__ import annotations

import os
from typing import Any, TypeVar

from . import _host, _native
from .errors import ArgumentError

__all__ = ["library_path", "register"]

Options = TypeVar("Options")


def library_path() -> str:
    """The path of the operator library: that of this package, or the one that the environment variable `PHASOR_OPS_LIB` names.

    Raises `MissingFileError` if there is none.
    """
    _host.announce()
    return os.fspath(_native.library_path())


def register(options: Options) -> Options:
    """Registers the operator library in `onnxruntime.SessionOptions`, and returns these.

    Raises `ArgumentError` for anything else, and what ONNX Runtime raises if it cannot load the library.
    """
    take: Any = getattr(options, "register_custom_ops_library", None)
    if take is None:
        raise ArgumentError(f"`options` is a `{type(options).__name__}`", "give `onnxruntime.SessionOptions()`")
    take(library_path())
    return options
