"""Makes a page of what is in a model."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import _arguments, _host, _native
from ._arguments import Budget, Engine, Output, Page
from ._inspect import warn
from ._models import AnyModel, Path, content, optional_path
from ._report import made
from .reports import BenchReport, PageReport

__all__ = ["report"]


def report(
    model: AnyModel,
    fused: AnyModel | None = None,
    *,
    output: Path | None = None,
    bench: BenchReport | Path | None = None,
    force: bool = False,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    verify: bool = True,
    dims: Mapping[str, int] | None = None,
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
) -> PageReport:
    """Makes a page (HTML) of what is in a model: sites before and after as graphs, near misses, the comparison, and what both are made of.

    The page is the `html` of the report, and is written to `output` if that is given; `force` replaces a file. Without `fused` the model
    is fused in memory, as `fuse` would, to show what that gives. `bench` is a report of `bench`, or the path of its JSON. That the models
    differ is no error: the page says so, and the `verification` of the report.

    `select` and `ignore` choose among the rules, and `verify=False` skips the comparison; `dims`, `inputs`, `seeds`, `tolerance`, `engine`,
    `onnxruntime`, `ops_library`, `custom_ops` and `time_limit` are those of `verify`, `budget` and `progress` those of `fuse`.

    Raises `FileError`, `ModelError`, `ComparisonError` if `fused` is no version of the model or inputs do not fit, `EngineError` for an
    engine or a library that is named and cannot be used, and `ArgumentError`.
    """
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
    )
    options = Page(
        output=Output(path=optional_path("output", output), force=bool(force)),
        search=_arguments.search(dims, budget, select, ignore),
        comparison=comparison if verify else None,
        bench=bench._answer.json.encode() if isinstance(bench, BenchReport) else optional_path("bench", bench),
    )
    _host.announce()
    answer = _native.report(content(model), None if fused is None else content(fused), options, progress)
    page = made(PageReport, answer, html=(answer.bytes or b"").decode())
    warn(answer.warnings)
    return page
