"""Optional arguments of functions that have several signatures, for type checkers."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from ._arguments import Accepted, Budget, Engine, Held, Target
from ._models import Path

if TYPE_CHECKING:
    from typing_extensions import Unpack
else:
    # Nothing evaluates the signatures that use it.
    Unpack = {}

__all__ = ["FuseOptions", "UnfuseOptions", "Unpack"]


class UnfuseOptions(TypedDict, total=False):
    """Of `unfuse`."""

    verify: bool
    require_verified: bool
    dims: Mapping[str, int] | None
    force: bool
    inputs: Path | Iterable[Path]
    seeds: int | None
    tolerance: float | None
    engine: Engine | None
    onnxruntime: Path | None
    ops_library: Path | None
    custom_ops: Path | Iterable[Path]
    time_limit: int | None
    progress: Callable[[str], object] | None


class FuseOptions(UnfuseOptions, total=False):
    """Of `fuse`."""

    target: Target
    plain: str | Iterable[str]
    accept: Accepted | Iterable[Accepted]
    retarget: Held | Iterable[Held]
    select: str | Iterable[str]
    ignore: str | Iterable[str]
    precise_angles: bool
    tables_to_compute: bool
    pairs: bool
    budget: Budget | None
