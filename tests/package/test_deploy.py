"""What exporters call: `phasor.torch` on a program like PyTorch's."""
import onnx
import pytest

import phasor
import phasor.torch


class Program:
    """What `phasor.torch` uses of an `ONNXProgram`, of a model that may be saved with a data file."""

    def __init__(self, path, data=None):
        self.path, self.data = path, data

    @property
    def model_proto(self):
        return onnx.load(str(self.path))

    def save(self, destination):
        data = {"save_as_external_data": True, "location": self.data, "size_threshold": 256} if self.data else {}
        onnx.save(self.model_proto, str(destination), **data)


def test_a_program_in_memory(model):
    report = phasor.torch.fuse(Program(model))
    assert isinstance(report.result, onnx.ModelProto)
    assert {node.op_type for node in report.result.graph.node} >= {"RotaryHeads", "Attention"}


def test_a_program_to_a_file(model, tmp_path):
    output = tmp_path / "fused.onnx"
    report = phasor.torch.fuse(Program(model), output, ignore="attention")
    assert report.verdict == "fused" and phasor.verify(model, output).verdict == "same"
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "fused.onnx"}
    with pytest.raises(phasor.ExistingFileError):
        phasor.torch.fuse(Program(model), output)


def test_a_program_with_a_data_file(model, tmp_path):
    output = tmp_path / "fused.onnx"
    assert phasor.torch.fuse(Program(model, "fused.onnx.data"), output).written.data_files
    assert phasor.verify(model, output).verdict == "same"
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "fused.onnx", "fused.onnx.data"}


def test_a_path(model):
    assert isinstance(phasor.torch.fuse(model).result, bytes)


def test_what_is_no_export(model, tmp_path):
    with pytest.raises(phasor.ArgumentError, match="`exported` is a `NoneType`\nhint: export with `dynamo=True`"):
        phasor.torch.fuse(None)
    with pytest.raises(phasor.MissingFileError, match="no such folder"):
        phasor.torch.fuse(Program(model), tmp_path / "none" / "fused.onnx")
