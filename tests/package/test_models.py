"""Models go in and come out as paths, bytes and `ModelProto`, and the result is the same file."""
import onnx
import onnxruntime
import pytest

import phasor


def test_path_to_path(model, tmp_path):
    report = phasor.fuse(model, tmp_path / "fused.onnx")
    assert (report.verdict, report.result) == ("fused", None)
    assert report.written.path == str(tmp_path / "fused.onnx")
    assert report.verification.verdict == "same"
    assert report.verification.engine == f"ONNX Runtime {onnxruntime.__version__}"


def test_every_kind_gives_the_same_bytes(model, tmp_path):
    phasor.fuse(model, tmp_path / "fused.onnx", verify=False)
    written = (tmp_path / "fused.onnx").read_bytes()
    assert phasor.fuse(str(model), verify=False).result == written
    assert phasor.fuse(model.read_bytes(), verify=False).result == written
    assert phasor.fuse(memoryview(model.read_bytes()), verify=False).result == written
    proto = phasor.fuse(onnx.load(str(model)), verify=False).result
    assert isinstance(proto, onnx.ModelProto)
    assert proto == onnx.load_from_string(written)


@pytest.mark.parametrize("engine", ["ort", "tract"])
def test_models_in_memory_are_compared(model, engine):
    report = phasor.fuse(model.read_bytes(), engine=engine, seeds=1)
    assert report.verification.verdict == "same" and report.written is None
    assert ("tract" in report.verification.engine) == (engine == "tract")
    assert phasor.verify(model, report.result, engine=engine, seeds=1).verdict == "same"


def test_bytes_into_a_file(model, tmp_path):
    report = phasor.fuse(model.read_bytes(), tmp_path / "fused.onnx")
    assert report.verification.verdict == "same"
    assert (tmp_path / "fused.onnx").read_bytes() == phasor.fuse(model, verify=False).result


def test_nothing_to_fuse_gives_the_same_bytes(model):
    nothing = phasor.unfuse(model, verify=False)
    assert (nothing.verdict, nothing.result) == ("nothing-to-unfuse", model.read_bytes())
    assert str(nothing).endswith("Nothing to unfuse")
    fused = phasor.fuse(model, verify=False).result
    again = phasor.fuse(fused)
    assert (again.verdict, again.result) == ("nothing-to-fuse", fused)


def test_there_and_back(model):
    fused = phasor.fuse(onnx.load(str(model)), verify=False).result
    report = phasor.unfuse(fused)
    assert report.verdict == "unfused" and isinstance(report.result, onnx.ModelProto)
    assert not any(node.domain == "ai.phasor" for node in report.result.graph.node)


def test_check_makes_nothing(model):
    report = phasor.fuse(model, check=True)
    assert (report.verdict, report.result, report.written) == ("would-fuse", None, None)


def test_options_reach_the_rewriter(model):
    report = phasor.fuse(model, target="contrib", select="rotary", verify=False)
    assert {site.rule for site in report.sites} == {"rotary"}
    domains = {node.domain for node in onnx.load_from_string(report.result).graph.node}
    assert "com.microsoft" in domains and "ai.phasor" not in domains
    report = phasor.fuse(model, ignore=["attention", "rotary-table"], pairs=True, verify=False)
    assert "RotaryEmbeddingPair" in {node.op_type for node in onnx.load_from_string(report.result).graph.node}
    assert phasor.inspect(model, budget={"steps": 1}).gave_up


def test_external_data_needs_files(model, external, tmp_path):
    report = phasor.fuse(external, tmp_path / "fused.onnx")
    assert report.verdict == "fused" and (tmp_path / "weights.bin").exists()
    for given in [external, external.read_bytes(), onnx.load(str(external), load_external_data=False)]:
        with pytest.raises(phasor.ModelError, match="`weights.bin`") as caught:
            phasor.fuse(given)
        assert "name files" in caught.value.hint
    assert phasor.fuse(onnx.load(str(external))).verdict == "fused"


def test_progress_is_told(model):
    steps = []
    phasor.fuse(model, progress=steps.append)
    assert steps == ["looking for position encodings", "comparing the new model with the original"]
