"""Times two models against each other."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import _arguments, _host, _native
from ._models import Path, path
from ._report import made
from .reports import BenchReport

__all__ = ["bench"]


def bench(
    before: Path,
    after: Path,
    *,
    dims: Mapping[str, int] | None = None,
    threads: int = 0,
    rounds: int = 7,
    seconds: float = 0.5,
    onnxruntime: Path | None = None,
    ops_library: Path | None = None,
    custom_ops: Path | Iterable[Path] = (),
    progress: Callable[[str], object] | None = None,
) -> BenchReport:
    """Times a model and its fused version in ONNX Runtime, in turns; a fused model runs without and with the operator library.

    In each of the `rounds` all sessions are made anew, and the original runs for `seconds`. It takes part twice: how far its second ratio
    is from 1 is what noise there is. `dims` gives sizes of symbolic dimensions; others are small. `threads` are those for one operator, of
    which ONNX Runtime decides with 0; with 1 the processor's time is taken, otherwise the clock's. `onnxruntime` and `ops_library` name
    libraries to use, and `custom_ops` those of other custom operators that the models need. `progress` is called with each step that begins.

    Raises `FileError`, `ModelError`, `ComparisonError` for inputs that cannot be made, `EngineError` if ONNX Runtime or a library
    is missing or does not run one of the models, and `ArgumentError`.
    """
    how = _arguments.timing(
        dims=dims,
        threads=threads,
        rounds=rounds,
        seconds=seconds,
        onnxruntime=onnxruntime,
        ops_library=ops_library,
        custom_ops=custom_ops,
    )
    _host.announce()
    return made(BenchReport, _native.bench(path("before", before), path("after", after), how, progress))
