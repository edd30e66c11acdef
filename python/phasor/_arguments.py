"""Arguments of commands, checked, in the shape in which the rewriter reads them."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from ._models import Path, optional_path, path
from .errors import ArgumentError

__all__ = ["Accepted", "Budget", "Comparison", "Engine", "Fusion", "Output", "Page", "Search", "Target", "Timing"]

Target = Literal["phasor", "contrib", "onnx"]
Held = Literal["rotary-embedding", "group-query-attention"]
Accepted = Literal["hidden-rows"]
Engine = Literal["auto", "ort", "tract"]
# As the rewriter counts.
_MOST = 2**64 - 1


class Budget(TypedDict, total=False):
    """Limits of a search."""

    steps: int
    bytes: int
    seconds: int


@dataclass(frozen=True)
class Search:
    """How a model is searched."""

    select: list[str]
    ignore: list[str]
    tables_to_compute: bool
    dims: dict[str, int]
    steps: int | None
    bytes: int | None
    seconds: int | None


@dataclass(frozen=True)
class Comparison:
    """How two models are compared."""

    seeds: int | None
    inputs: list[str]
    dims: dict[str, int]
    engine: str | None
    onnxruntime: str | None
    ops_library: str | None
    custom_ops: list[str]
    time_limit: int | None
    tolerance: float | None
    required: bool


@dataclass(frozen=True)
class Timing:
    """How models are timed."""

    dims: dict[str, int]
    threads: int
    rounds: int
    seconds: float
    onnxruntime: str | None
    ops_library: str | None
    custom_ops: list[str]


@dataclass(frozen=True)
class Output:
    """Where a new model goes: to a file, or back to the caller."""

    path: str | None
    force: bool


@dataclass(frozen=True)
class Page:
    """What a page shows."""

    output: Output
    search: Search
    comparison: Comparison | None
    bench: bytes | str | None


@dataclass(frozen=True)
class Fusion:
    """How a model is fused."""

    output: Output
    check: bool
    target: str
    plain: list[str]
    accept: list[str]
    retarget: list[str]
    pairs: bool
    precise_angles: bool
    search: Search
    comparison: Comparison | None


def search(
    dims: Mapping[str, int] | None,
    budget: Budget | None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    tables_to_compute: bool = False,
) -> Search:
    """How a model is searched, of these arguments."""
    limits: dict[str, int] = {}
    for name, limit in (budget or {}).items():
        one_of("budget", name, Budget.__annotations__)
        limits[name] = number(f"budget[{name!r}]", limit, 1)
    return Search(
        select=names("select", select),
        ignore=names("ignore", ignore),
        tables_to_compute=bool(tables_to_compute),
        dims=_sizes(dims),
        steps=limits.get("steps"),
        bytes=limits.get("bytes"),
        seconds=limits.get("seconds"),
    )


def held(given: Held | Iterable[Held]) -> list[str]:
    """Operators whose rotations are rewritten."""
    found = names("retarget", given)
    for name in found:
        one_of("retarget", name, get_args(Held))
    return found


def accepted(given: Accepted | Iterable[Accepted]) -> list[str]:
    """Results that may differ."""
    found = names("accept", given)
    for name in found:
        one_of("accept", name, get_args(Accepted))
    return found


def comparison(
    *,
    dims: Mapping[str, int] | None,
    inputs: Path | Iterable[Path],
    seeds: int | None,
    tolerance: float | None,
    engine: Engine | None,
    onnxruntime: Path | None,
    ops_library: Path | None,
    custom_ops: Path | Iterable[Path],
    time_limit: int | None,
    required: bool = False,
) -> Comparison:
    """How two models are compared, of these arguments."""
    if engine is not None:
        one_of("engine", engine, get_args(Engine))
    libraries = {"onnxruntime": onnxruntime, "ops_library": ops_library, "custom_ops": _paths("custom_ops", custom_ops)}
    for name, value in libraries.items():
        if engine == "tract" and value:
            raise ArgumentError(
                f'`{name}` is for ONNX Runtime, and `engine="tract"` excludes it',
                "leave one of the two out: tract is built in and has kernels of its own",
            )
    if tolerance is not None and not (isinstance(tolerance, (int, float)) and 0 <= tolerance < math.inf):
        raise ArgumentError(f"`tolerance` is {tolerance!r}", "give a number of at least 0, such as 1e-4")
    return Comparison(
        seeds=None if seeds is None else number("seeds", seeds, 1),
        inputs=_paths("inputs", inputs),
        dims=_sizes(dims),
        engine=engine,
        onnxruntime=optional_path("onnxruntime", onnxruntime),
        ops_library=optional_path("ops_library", ops_library),
        custom_ops=_paths("custom_ops", custom_ops),
        time_limit=None if time_limit is None else number("time_limit", time_limit, 1),
        tolerance=None if tolerance is None else float(tolerance),
        required=required,
    )


def timing(
    *,
    dims: Mapping[str, int] | None,
    threads: int,
    rounds: int,
    seconds: float,
    onnxruntime: Path | None,
    ops_library: Path | None,
    custom_ops: Path | Iterable[Path],
) -> Timing:
    """How models are timed, of these arguments."""
    if not (isinstance(seconds, (int, float)) and 0 <= seconds <= 60):
        raise ArgumentError(f"`seconds` is {seconds!r}", "give a number from 0 to 60, such as 0.5")
    return Timing(
        dims=_sizes(dims),
        threads=number("threads", threads, 0),
        rounds=number("rounds", rounds, 1),
        seconds=float(seconds),
        onnxruntime=optional_path("onnxruntime", onnxruntime),
        ops_library=optional_path("ops_library", ops_library),
        custom_ops=_paths("custom_ops", custom_ops),
    )


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuses a word that an argument does not know."""
    words = list(known)
    if value not in words:
        listed = ", ".join(f"`{word}`" for word in words)
        raise ArgumentError(f"`{name}` does not take {value!r}", f"it takes {listed}")


def number(name: str, value: Any, least: int) -> int:
    """A whole number that is large enough."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value.__index__() <= _MOST:
        raise ArgumentError(f"`{name}` is {value!r}", f"give a whole number of at least {least}")
    return int(value.__index__())


def _sizes(dims: Mapping[str, int] | None) -> dict[str, int]:
    if dims is not None and not isinstance(dims, Mapping):
        raise ArgumentError(f"`dims` is a `{type(dims).__name__}`", 'give sizes by name, such as `{"batch": 2}`')
    return {name: number(f"dims[{name!r}]", size, 0) for name, size in (dims or {}).items()}


def names(name: str, given: str | Iterable[str]) -> list[str]:
    """One name or several."""
    found = [given] if isinstance(given, str) else list(given)
    for item in found:
        if not isinstance(item, str):
            raise ArgumentError(f"`{name}` contains {item!r}", "give names of rules, which `phasor.rules()` lists")
    return found


def _paths(name: str, given: Path | Iterable[Path]) -> list[str]:
    """One path or several."""
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        return [path(name, item) for item in given]
    return [path(name, given)]
