"""What there is to run models with."""
from __future__ import annotations

from . import _host, _native
from ._models import Path, optional_path
from ._report import made
from .reports import DoctorReport

__all__ = ["doctor"]


def doctor(*, onnxruntime: Path | None = None, ops_library: Path | None = None) -> DoctorReport:
    """Looks for ONNX Runtime and tells its version, whether it loads the operator library, which instruction set the kernels choose, and
    what there is of CUDA.

    That something is missing or broken is no error: the report is then not `sound`. `onnxruntime` and `ops_library` name libraries to
    look at instead.
    """
    _host.announce()
    libraries = optional_path("onnxruntime", onnxruntime), optional_path("ops_library", ops_library)
    return made(DoctorReport, _native.doctor(*libraries))
