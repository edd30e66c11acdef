"""Fuses models, and unfuses them."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, overload

from . import _arguments, _host, _native
from ._arguments import Accepted, Budget, Engine, Fusion, Held, Output, Target
from ._inspect import warn
from ._models import AnyModel, Path, Proto, as_given, content, optional_path
from ._options import FuseOptions, UnfuseOptions, Unpack
from ._report import made
from .errors import ArgumentError, Differs, NotVerified
from .reports import FuseReport, UnfuseReport

__all__ = ["fuse", "unfuse"]

P = TypeVar("P", bound=Proto)


@overload
def fuse(model: AnyModel, output: Path, **options: Unpack[FuseOptions]) -> FuseReport[None]: ...
@overload
def fuse(model: AnyModel, output: None = None, *, check: Literal[True], **options: Unpack[FuseOptions]) -> FuseReport[None]: ...
@overload
def fuse(model: P, output: None = None, **options: Unpack[FuseOptions]) -> FuseReport[P]: ...
@overload
def fuse(model: Path | bytes, output: None = None, **options: Unpack[FuseOptions]) -> FuseReport[bytes]: ...
def fuse(
    model: AnyModel,
    output: Path | None = None,
    *,
    target: Target = "phasor",
    plain: str | Iterable[str] = (),
    accept: Accepted | Iterable[Accepted] = (),
    retarget: Held | Iterable[Held] = (),
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    verify: bool = True,
    require_verified: bool = False,
    check: bool = False,
    dims: Mapping[str, int] | None = None,
    force: bool = False,
    precise_angles: bool = False,
    tables_to_compute: bool = False,
    pairs: bool = False,
    inputs: Path | Iterable[Path] = (),
    seeds: int | None = None,
    tolerance: float | None = None,
    engine: Engine | None = None,
    onnxruntime: Path | None = None,
    ops_library: Path | None = None,
    custom_ops: Path | Iterable[Path] = (),
    time_limit: int | None = None,
    budget: Budget | None = None,
    progress: Callable[[str], object] | None = None,
) -> FuseReport[Any]:
    """Replaces the position encodings of a model, and its attention, by native operators, and compares the new model with the original.

    `model` is a path, bytes or an `onnx.ModelProto`. Without `output` the new model is the `result` of the report: a `ModelProto` for a
    `ModelProto`, bytes for bytes or a path. A model with external data needs paths for both. If there is nothing to fuse, the new
    model is the old one, byte for byte. With `check` none is made: the `verdict` is `would-fuse` or `nothing-to-fuse`.

    `target` is the operator set to rewrite to: `phasor`, `contrib` (ONNX Runtime) or `onnx`. `plain` names rules whose finds are written as
    standard nodes, whatever the target, or `all`. `accept="hidden-rows"` lets the operators of `contrib` and `onnx` give other results for
    queries that see no key. `retarget` names operators of the model whose rotations are rewritten to the target as well: `rotary-embedding`,
    `group-query-attention`. `select` and `ignore` choose among the rules.
    `verify=False` skips the comparison, `require_verified` wants it to agree; `dims`, `inputs`, `seeds`, `tolerance`, `engine`, `onnxruntime`,
    `ops_library`, `custom_ops` and `time_limit` are those of `verify`. `force` replaces a file. `precise_angles`, `tables_to_compute` and
    `pairs` are flags of the command line too. `budget` limits the search, by `steps`, `bytes` and `seconds`.
    `progress` is called with each step that begins. After Ctrl-C the work ends before its next step, and nothing is written.

    Raises `Differs` if the new model does not compute the same, and `NotVerified` if that is not known and `require_verified`
    asks for it: both have the `report`, and no model is made. Where it is not known otherwise, it warns. Raises `FileError` for
    a file that cannot be read or written, `ModelError` for what is no valid model or too old for the target, `ComparisonError` for inputs that
    do not fit, `EngineError` for an engine or a library that is named and cannot be used, and `ArgumentError`.
    """
    _arguments.one_of("target", target, get_args(Target))
    if pairs and target != "phasor":
        raise ArgumentError(
            '`pairs` needs `target="phasor"`', "leave one of the two out: the operators of other sets rotate one tensor each"
        )
    if require_verified and not verify:
        raise ArgumentError("`require_verified` and `verify=False` exclude each other", "leave one of the two out")
    if check and output is not None:
        raise ArgumentError("`check` writes nothing, and `output` is given", "leave one of the two out")
    comparison = _arguments.comparison(
        dims=dims,
        inputs=inputs,
        seeds=seeds,
        tolerance=tolerance,
        engine=engine,
        onnxruntime=onnxruntime,
        ops_library=ops_library,
        custom_ops=custom_ops,
        time_limit=time_limit,
        required=require_verified,
    )
    options = Fusion(
        output=_output(output, force),
        check=bool(check),
        target=target,
        plain=_arguments.names("plain", plain),
        accept=_arguments.accepted(accept),
        retarget=_arguments.held(retarget),
        pairs=bool(pairs),
        precise_angles=bool(precise_angles),
        search=_arguments.search(dims, budget, select, ignore, tables_to_compute),
        comparison=comparison if verify else None,
    )
    _host.announce()
    answer = _native.fuse(content(model), options, progress)
    report: FuseReport[Any] = made(FuseReport, answer, result=as_given(model, answer.bytes))
    judge(report, answer.hint, "fused")
    warn(answer.warnings + doubts(report))
    return report


@overload
def unfuse(model: AnyModel, output: Path, **options: Unpack[UnfuseOptions]) -> UnfuseReport[None]: ...
@overload
def unfuse(model: P, output: None = None, **options: Unpack[UnfuseOptions]) -> UnfuseReport[P]: ...
@overload
def unfuse(model: Path | bytes, output: None = None, **options: Unpack[UnfuseOptions]) -> UnfuseReport[bytes]: ...
def unfuse(
    model: AnyModel,
    output: Path | None = None,
    *,
    verify: bool = True,
    require_verified: bool = False,
    dims: Mapping[str, int] | None = None,
    force: bool = False,
    inputs: Path | Iterable[Path] = (),
    seeds: int | None = None,
    tolerance: float | None = None,
    engine: Engine | None = None,
    onnxruntime: Path | None = None,
    ops_library: Path | None = None,
    custom_ops: Path | Iterable[Path] = (),
    time_limit: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> UnfuseReport[Any]:
    """Expands fused nodes back to standard ONNX operators, and compares the new model with the given one.

    Arguments and exceptions are those of `fuse`; `ModelError` is also raised for a node whose operator neither the model nor Phasor defines.
    """
    if require_verified and not verify:
        raise ArgumentError("`require_verified` and `verify=False` exclude each other", "leave one of the two out")
    comparison = _arguments.comparison(
        dims=dims,
        inputs=inputs,
        seeds=seeds,
        tolerance=tolerance,
        engine=engine,
        onnxruntime=onnxruntime,
        ops_library=ops_library,
        custom_ops=custom_ops,
        time_limit=time_limit,
        required=require_verified,
    )
    _host.announce()
    answer = _native.unfuse(content(model), _output(output, force), comparison if verify else None, progress)
    report: UnfuseReport[Any] = made(UnfuseReport, answer, result=as_given(model, answer.bytes))
    judge(report, answer.hint, "expanded")
    warn(answer.warnings + doubts(report))
    return report


def judge(report: FuseReport[Any] | UnfuseReport[Any], hint: str | None, word: str) -> None:
    """Raises the exception for a report on a model that was not made."""
    why = report.verification.why
    if report.verdict == "differs":
        raise Differs(f"the {word} model does not compute what the original computes: {why}", hint, report)
    if report.verdict == "not-verified":
        raise NotVerified(f"the {word} model could not be compared with the original: {why}", hint, report)


def doubts(report: FuseReport[Any] | UnfuseReport[Any]) -> list[str]:
    """What whoever asked for a comparison should know of it."""
    compared = report.verification
    unsure = [f"not verified: {compared.why}"] if compared.verdict == "not-verified" else []
    return unsure + list(compared.warnings or ())


def _output(output: Path | None, force: bool) -> Output:
    return Output(optional_path("output", output), bool(force))
