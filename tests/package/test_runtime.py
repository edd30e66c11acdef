"""The library of the package runs fused models in ONNX Runtime."""
import pathlib
import sys

import numpy as np
import onnxruntime
import pytest

import phasor


def run(content, options):
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    feeds = {}
    for given in session.get_inputs():
        shape = [size if isinstance(size, int) else 3 for size in given.shape]
        feeds[given.name] = random.integers(0, 3, shape) if "int" in given.type else random.standard_normal(shape, dtype=np.float32)
    return session.run(None, feeds)


def test_register_runs_the_fused_model(model):
    fused = phasor.fuse(model).result
    options = onnxruntime.SessionOptions()
    assert phasor.register(options) is options
    for plain, by_kernels in zip(run(model.read_bytes(), onnxruntime.SessionOptions()), run(fused, options)):
        np.testing.assert_allclose(by_kernels, plain, rtol=1e-4, atol=1e-4)


def test_register_takes_options_alone():
    with pytest.raises(phasor.ArgumentError) as caught:
        phasor.register(object())
    assert "SessionOptions" in caught.value.hint


def test_the_library_is_a_file_beside_the_module():
    names = {path.name for path in pathlib.Path(phasor.__file__).parent.iterdir()}
    library = pathlib.Path(phasor.library_path())
    assert library.name in names and "phasor_ops" in library.name
    assert "py.typed" in names and "_native.pyi" in names


def test_nothing_is_imported_before_it_is_needed():
    import subprocess

    question = "import sys, phasor; print([name for name in ('onnx', 'onnxruntime', 'numpy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", question], check=True, capture_output=True, text=True).stdout == "[]\n"
