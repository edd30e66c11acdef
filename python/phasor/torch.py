"""Fuses what PyTorch exports.

    import torch
    import phasor.torch

    program = torch.onnx.export(model, (tokens,), dynamo=True)
    print(phasor.torch.fuse(program, "fused.onnx"))

PyTorch itself is not imported here.
"""
from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any, Protocol, Union

from ._models import Path, path
from ._options import FuseOptions, Unpack
from ._rewrite import fuse as _fuse
from .errors import ArgumentError, MissingFileError
from .reports import FuseReport

__all__ = ["Exported", "Program", "fuse"]


class Program(Protocol):
    """What is used of a `torch.onnx.ONNXProgram`."""

    @property
    def model_proto(self) -> Any: ...
    def save(self, destination: Path) -> None: ...


Exported = Union[Program, Path]


def fuse(exported: Exported, output: Path | None = None, **options: Unpack[FuseOptions]) -> FuseReport[Any]:
    """Fuses an `ONNXProgram`, which `torch.onnx.export(..., dynamo=True)` returns, or the path of an exported model.

    With `output` the fused model is written there. A program of more than 2 GB is written with a data file, which comes to lie beside the
    output. Without `output` the new model is the `result` of the report: an `onnx.ModelProto` for a program, bytes for a path.

    The options are those of `phasor.fuse`, and so are the exceptions. `ArgumentError` is also raised for anything else, such as
    the None that `torch.onnx.export` returns with `dynamo=False`, and `MissingFileError` if there is no folder to write to.
    """
    if isinstance(exported, (str, os.PathLike)):
        return _fuse(exported, output, **options)
    # To look for `model_proto` would build it, with all weights.
    if not hasattr(exported, "save"):
        what = type(exported).__name__
        raise ArgumentError(f"`exported` is a `{what}`", "export with `dynamo=True`, or give the path of the file that was exported")
    if output is None:
        report: FuseReport[Any] = _fuse(exported.model_proto, **options)
        return report
    target = pathlib.Path(path("output", output))
    if not target.parent.is_dir():
        raise MissingFileError(f"`{target.parent}`: no such folder", "create it first", filename=target.parent)
    # On the file system of the output, for a program may be too large for that of other temporary files.
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        # A data file is named for the model that is saved, and keeps its name when it is copied.
        saved = pathlib.Path(folder) / target.name
        exported.save(saved)
        return _fuse(saved, target, **options)
