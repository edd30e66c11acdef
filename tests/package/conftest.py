"""Fixtures for tests of the installed package."""
import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LLAMA = ROOT / "models" / "llama-dynamo" / "model.onnx"


@pytest.fixture
def model(tmp_path):
    """A model with six sites, in a folder of its own."""
    path = tmp_path / "model.onnx"
    shutil.copy(LLAMA, path)
    return path


@pytest.fixture
def external(tmp_path):
    """The same with its weights in a data file."""
    import onnx

    folder = tmp_path / "external"
    folder.mkdir()
    path = folder / "model.onnx"
    onnx.save(onnx.load(str(LLAMA)), str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path
