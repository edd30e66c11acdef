"""Fused models compute in ONNX Runtime what PyTorch computed, with the operator library and without it."""
import subprocess

import onnx
import onnxruntime as ort
import pytest

from conftest import LIBRARY, PHASOR, count, difference, readable, run, session


def test_every_site_is_fused(fused):
    truth = fused.meta["groundtruth"]
    rotary = [site for site in fused.report["sites"] if site["family"] == "rotary"]
    assert count(fused.path) == truth["rope_sites"] == len(rotary)
    for site in rotary:
        assert site["pairing"] == truth["rope_layout"]
        assert site["rotary_dim"] == truth["rotary_dim"]
        assert site["head_dim"] == truth["head_dim"]
    assert fused.report["nodes_after"] < fused.report["model"]["nodes"]
    assert fused.report["nodes_after"] == len(onnx.load(str(fused.path)).graph.node)


@pytest.mark.parametrize("library", [LIBRARY, None], ids=["library", "plain"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_those_of_pytorch(fused, library, threads, tmp_path):
    s = session(readable(fused.path, tmp_path), library, threads)
    for inputs, expected in fused.cases():
        assert difference(run(s, inputs), expected) <= fused.tolerance


@pytest.mark.parametrize("level", [ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL], ids=["off", "all"])
def test_every_optimization_level(fused, level, tmp_path):
    path = readable(fused.path, tmp_path)
    for library in (LIBRARY, None):
        s = session(path, library, level=level)
        for inputs, expected in fused.cases():
            assert difference(run(s, inputs), expected) <= fused.tolerance


def test_the_library_computes_and_without_it_the_body(fused, tmp_path):
    """What ONNX Runtime keeps of the graph shows which of the two it took."""
    path = readable(fused.path, tmp_path)
    session(path, LIBRARY, optimized=tmp_path / "with.onnx", level=ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    session(path, None, optimized=tmp_path / "without.onnx", level=ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    assert count(tmp_path / "with.onnx") == count(fused.path) > 0
    assert count(tmp_path / "without.onnx") == 0


def test_the_checker_accepts_the_file(fused):
    model = onnx.load(str(fused.path))
    onnx.checker.check_model(model)
    assert any(o.domain == "ai.phasor" and o.version == 1 for o in model.opset_import)
    assert any(f.domain == "ai.phasor" and f.name in ("RotaryEmbedding", "RotaryEmbeddingPair", "RotaryHeads") for f in model.functions)


def test_what_is_not_fused_is_not_touched(fused):
    """Nodes, weights, inputs and outputs that stay are equal to the byte."""
    old, new = onnx.load(str(fused.original)).graph, onnx.load(str(fused.path)).graph

    def raw(elements):
        return [e.SerializeToString() for e in elements]

    assert raw(old.input) == raw(new.input)
    assert raw(old.output) == raw(new.output)
    before = {e.SerializeToString() for e in old.node}
    added = [n for n in new.node if n.SerializeToString() not in before]
    assert {n.domain for n in added if n.op_type.startswith("Rotary")} == {"ai.phasor"}
    ours = {"RotaryEmbedding", "RotaryHeads", "RotaryTable", "Attention", "CachedAttention"}
    around = {"Cast", "Not", "Reshape", "Slice", "Transpose", "Unsqueeze"}
    sizes = {"Shape", "Mul", "Add", "Gather", "Where"}
    assert {n.op_type for n in added} <= ours | around | sizes
    weights = {i.name: i.SerializeToString() for i in old.initializer}
    for tensor in new.initializer:
        if tensor.name in weights:
            assert weights[tensor.name] == tensor.SerializeToString()


def test_fusing_twice_changes_nothing(fused, tmp_path):
    again = tmp_path / "again.onnx"
    done = subprocess.run([PHASOR, "fuse", str(fused.path), "-o", str(again)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Nothing to fuse" in done.stderr
    assert again.read_bytes() == fused.path.read_bytes()
