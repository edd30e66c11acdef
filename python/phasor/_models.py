"""Models as users have them: the path of a file, its bytes, or an `onnx.ModelProto`. The package `onnx` is not needed for any."""
from __future__ import annotations

import os
from typing import Any, Protocol, Union, runtime_checkable

from .errors import ArgumentError, ModelError

__all__ = ["AnyModel", "Path", "Proto", "as_given", "content"]

Path = Union[str, "os.PathLike[str]"]


@runtime_checkable
class Proto(Protocol):
    """What is used of an `onnx.ModelProto`."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802
    def ParseFromString(self, serialized: bytes) -> Any: ...  # noqa: N802


AnyModel = Union[Path, bytes, Proto]


def content(model: object) -> bytes | str:
    """The bytes of a model in memory, or the path of a file."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if isinstance(model, Proto):
        try:
            return model.SerializeToString()
        except ValueError as error:
            raise ModelError(f"the model cannot be serialized: {error}", "save it with external data, and give its path") from error
    return path("model", model)


def as_given(model: object, made: bytes | None) -> Any:
    """A new model, of the kind that another one is: a `ModelProto` for a `ModelProto`, otherwise bytes."""
    if made is None or not isinstance(model, Proto):
        return made
    proto = type(model)()
    proto.ParseFromString(made)
    return proto


def optional_path(name: str, value: object) -> str | None:
    """The path that an argument names, or None where it is None."""
    return None if value is None else path(name, value)


def path(name: str, value: object) -> str:
    """The path that an argument names."""
    if not isinstance(value, (str, os.PathLike)):
        what = "a path" if name != "model" else "a path, bytes or an `onnx.ModelProto`"
        raise ArgumentError(f"`{name}` is a `{type(value).__name__}`", f"give {what}")
    return os.fsdecode(value)
