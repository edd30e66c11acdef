"""Runs two models on the same inputs and compares them."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import _arguments, _host, _native
from ._arguments import Engine
from ._models import AnyModel, Path, content
from ._report import made
from .reports import VerifyReport

__all__ = ["verify"]


def verify(
    reference: AnyModel,
    model: AnyModel,
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Path | Iterable[Path] = (),
    seeds: int | None = None,
    tolerance: float | None = None,
    engine: Engine | None = None,
    onnxruntime: Path | None = None,
    ops_library: Path | None = None,
    custom_ops: Path | Iterable[Path] = (),
    time_limit: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> VerifyReport:
    """Runs both models on the same inputs and compares every output; `reference` is taken to be right.

    That the models differ is no error: the `verdict` of the report is `same`, `different` or `not-verified`, and the last two have a `why`.

    Inputs are `seeds` random sets and edge cases, or the archives (`.npz`) in `inputs`. `dims` gives sizes of symbolic dimensions.
    `tolerance` is the largest difference allowed, relative to the output's scale. The models run in ONNX Runtime if it is found, otherwise
    in tract, which is built in; `engine` decides (`ort`, `tract`), `onnxruntime` and `ops_library` name libraries to use,
    and `custom_ops` those of other custom operators that the models need. `time_limit` is in seconds, for all runs together.
    `progress` is called with each step that begins.

    Raises `FileError`, `ModelError`, `ComparisonError` if the models are not versions of one model or inputs do not fit, `EngineError` for
    an engine or a library that is named and cannot be used, and `ArgumentError`.
    """
    how = _arguments.comparison(
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
    _host.announce()
    return made(VerifyReport, _native.verify(content(reference), content(model), how, progress))
