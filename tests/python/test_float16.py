"""Models that are fused first and converted to float16 afterwards are as accurate as originals converted in the same way."""
import numpy as np
import onnx
import pytest
from onnxruntime.transformers import float16

from conftest import LIBRARY, difference, readable, run, session


def converted(path, keep, to):
    """The model in float16, with its inputs and outputs in float if `keep`."""
    onnx.save(float16.convert_float_to_float16(onnx.load(str(path)), keep_io_types=keep), str(to))
    return str(to)


def outputs(path, library, inputs):
    made = session(path, library)
    halves = {i.name for i in made.get_inputs() if i.type == "tensor(float16)"}
    return run(made, {name: value.astype(np.float16) if name in halves else value for name, value in inputs.items()})


@pytest.mark.parametrize("keep", [False, True], ids=["all", "keep_io_types"])
def test_converted_after_fusing(fused, keep, tmp_path):
    if fused.meta["dtype"] != "float32":
        return
    original = converted(readable(fused.original, tmp_path), keep, tmp_path / "original16.onnx")
    new = converted(readable(fused.path, tmp_path), keep, tmp_path / "fused16.onnx")
    for inputs, expected in fused.cases():
        own = difference(outputs(original, None, inputs), expected)
        for library in (LIBRARY, None):
            assert difference(outputs(new, library, inputs), expected) <= 1.5 * own + 1e-3
