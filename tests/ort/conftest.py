"""Where the library and its companions are, and what the installed ONNX Runtime can do.

The library is taken from `PHASOR_OPS_LIB`, the program that prints function bodies from `PHASOR_FUNCTION_BODY`; without these
from the build folder. What is absent makes tests say `skipped`, with the reason. With `PHASOR_NO_ARENA`, every tensor is an
allocation of its own, so that a memory checker sees its ends.
"""

import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
NAMES = {"darwin": "libphasor_ops.dylib", "win32": "phasor_ops.dll"}


def _path(variable, default):
    path = pathlib.Path(os.environ.get(variable, default))
    if not path.exists():
        pytest.skip(f"{path} is not there (build it, or set {variable})")
    return str(path)


@pytest.fixture(scope="session")
def ort():
    """The module `onnxruntime`."""
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="session")
def library():
    """Path of the operator library."""
    return _path("PHASOR_OPS_LIB", BUILD / NAMES.get(sys.platform, "libphasor_ops.so"))


@pytest.fixture(scope="session")
def function_body():
    """A function that gives the body of an operator for an opset and uses, as the program prints it."""
    program = _path("PHASOR_FUNCTION_BODY", BUILD / "examples" / "function_body")

    @functools.cache
    def body(name, opset, *uses):
        command = [program, name, str(opset), *uses]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return body


@pytest.fixture(scope="session")
def session(ort, library):
    """Makes sessions of models, with or without the library."""

    def make(model, plugin=True, times=1, threads=1):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = not os.environ.get("PHASOR_NO_ARENA")
        if plugin:
            for _ in range(times):
                options.register_custom_ops_library(library)
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    return make


@pytest.fixture(scope="session")
def orders_int64(ort):
    """Whether the release takes the right maximum of int64 beyond 32 bits; some compare the lower halves as if they had signs."""
    import numpy as np
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(n, TensorProto.INT64, [2]) for n in "xyz"]
    graph = helper.make_graph([helper.make_node("Max", ["x", "y"], ["z"])], "g", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    made = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x, y = np.full(2, -1), np.full(2, -(2**31) - 4)
    return bool((made.run(None, {"x": x, "y": y})[0] == x).all())


@pytest.fixture(scope="session")
def knows_opset(ort):
    """Whether the installed releases of ONNX Runtime and onnx know an opset."""
    import onnx
    from onnx import TensorProto, helper

    @functools.cache
    def knows(opset):
        if opset > onnx.defs.onnx_opset_version():
            return False
        value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        try:
            ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        except Exception as error:  # the class differs between releases
            assert "pset" in str(error), error
            return False
        return True

    return knows
