"""What may go wrong. Every exception of the package is an `Error`; messages are those of the command line."""
from __future__ import annotations

import os
import re
from errno import EEXIST
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reports import FuseReport, UnfuseReport

__all__ = [
    "ArgumentError",
    "ComparisonError",
    "Differs",
    "EngineError",
    "Error",
    "ExistingFileError",
    "FileError",
    "MissingFileError",
    "ModelError",
    "NotVerified",
    "UnverifiedWarning",
]

# How arguments of functions differ from flags of the command line.
_ARGUMENTS = {"ort": "onnxruntime", "ops-lib": "ops_library", "dim": "dims", "site": "name"}
_FLAG = re.compile(r"`--([a-z-]+)(?: ([a-zA-Z]+))?`")


def _in_python(hint: str) -> str:
    """A hint with flags of the command line as arguments of functions."""

    def argument(flag: re.Match[str]) -> str:
        name, value = flag.groups()
        if name == "no-verify":
            return "`verify=False`"
        name = _ARGUMENTS.get(name, name.replace("-", "_"))
        if value:
            return f"`{name}={value}`" if value.isupper() else f'`{name}="{value}"`'
        return "`force=True`" if name == "force" else f"`{name}`"

    return _FLAG.sub(argument, hint)


class Error(Exception):
    """Something that cannot be done; `hint` says what to do about it, or is None."""

    message: str
    hint: str | None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = None if hint is None else _in_python(hint)

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint)


class ArgumentError(Error, ValueError):
    """An argument has a value that it may not have."""


class ModelError(Error, ValueError):
    """A model is damaged, is not allowed by ONNX, or is of a kind that the request does not fit."""


class ComparisonError(Error, ValueError):
    """Two models cannot be compared: their interfaces differ, or inputs do not fit."""


class EngineError(Error, RuntimeError):
    """An engine or a library that was asked for cannot be used."""


class FileError(Error, OSError):
    """A file cannot be read or written; `errno` and `filename` are set where they are known."""

    def __init__(
        self, message: str, hint: str | None = None, errno: int | None = None, filename: str | os.PathLike[str] | None = None
    ) -> None:
        Error.__init__(self, message, hint)
        self.errno = errno
        self.filename = None if filename is None else os.fspath(filename)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint, self.errno, self.filename)


class MissingFileError(FileError, FileNotFoundError):
    """A file or folder is not there."""


class ExistingFileError(FileError, FileExistsError):
    """A file is there already, and is not to be replaced."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        errno: int | None = None,
        filename: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(message, hint, EEXIST if errno is None else errno, filename)


class _Negative(Error):
    """The work was done, and its outcome is negative; `report` says why."""

    report: FuseReport[Any] | UnfuseReport[Any]

    def __init__(self, message: str, hint: str | None, report: FuseReport[Any] | UnfuseReport[Any]) -> None:
        super().__init__(message, hint)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint, self.report)


class Differs(_Negative):
    """The new model does not compute the same as the original: no model is made."""


class NotVerified(_Negative):
    """The models were to be compared, and the comparison says nothing: no model is made."""


class UnverifiedWarning(UserWarning):
    """A model was made that could not be compared with the original, or a model was searched without all its data."""
