"""Phasor proves which parts of ONNX models are position encodings, and replaces them by native operators.

    import onnxruntime
    import phasor

    print(phasor.fuse("model.onnx", "fused.onnx"))
    session = onnxruntime.InferenceSession("fused.onnx", phasor.register(onnxruntime.SessionOptions()))

Every function is a command of the program `phasor`, and returns the report that it prints.
"""
from __future__ import annotations

from ._bench import bench
from ._doctor import doctor
from ._inspect import diff, explain, inspect, rules
from ._library import library_path, register
from ._page import report
from ._rewrite import fuse, unfuse
from ._verify import verify
from ._native import __version__
from .errors import (
    ArgumentError,
    ComparisonError,
    Differs,
    EngineError,
    Error,
    ExistingFileError,
    FileError,
    MissingFileError,
    ModelError,
    NotVerified,
    UnverifiedWarning,
)
from .reports import (
    BenchReport,
    DiffReport,
    DoctorReport,
    ExplainReport,
    FuseReport,
    InspectReport,
    PageReport,
    RulesReport,
    UnfuseReport,
    VerifyReport,
)

__all__ = [
    "ArgumentError",
    "BenchReport",
    "ComparisonError",
    "DiffReport",
    "Differs",
    "DoctorReport",
    "EngineError",
    "Error",
    "ExistingFileError",
    "ExplainReport",
    "FileError",
    "FuseReport",
    "InspectReport",
    "MissingFileError",
    "ModelError",
    "NotVerified",
    "PageReport",
    "RulesReport",
    "UnfuseReport",
    "UnverifiedWarning",
    "VerifyReport",
    "__version__",
    "bench",
    "diff",
    "doctor",
    "explain",
    "fuse",
    "inspect",
    "library_path",
    "register",
    "report",
    "rules",
    "unfuse",
    "verify",
]
