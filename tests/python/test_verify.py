"""`phasor fuse` and `phasor verify` in ONNX Runtime: models that move by themselves, operators of others, libraries that are none."""
import copy
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import LIBRARY, PHASOR, ROOT
from noisy import MODELS

FOUND = sorted(pathlib.Path(ort.__file__).parent.glob("capi/libonnxruntime.so*"))
RUNTIME = str(FOUND[0]) if FOUND else None
needs_runtime = pytest.mark.skipif(RUNTIME is None, reason="this wheel has no shared library")


def phasor(*arguments, **environment):
    done = subprocess.run([PHASOR, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def compare(a, b, *more):
    code, out, err = phasor("verify", a, b, "--ort", RUNTIME, "--ops-lib", LIBRARY, "--format", "json", "--seeds", 4, *more)
    assert out, err
    return code, json.loads(out)


def broken(path, kind, site):
    """The fused model with an error at one site: its sine negated, or its positions one further on."""
    model = onnx.load(str(path))
    nodes = model.graph.node
    at = [i for i, n in enumerate(nodes) if n.op_type in ("RotaryEmbedding", "RotaryEmbeddingPair", "RotaryHeads") and n.domain == "ai.phasor"][site]
    if kind == "sine":
        nodes.insert(at, helper.make_node("Neg", [nodes[at].input[2]], ["wrong_sine"]))
        nodes[at + 1].input[2] = "wrong_sine"
        return model
    makers = {name: node for node in nodes for name in node.output}
    model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.int64), "one"))
    table = next(n for n in nodes if n.op_type == "RotaryTable")
    added, renamed = [helper.make_node("Add", [table.input[0], "one"], ["positions_on"])], {table.input[0]: "positions_on"}

    def again(name):
        if name not in renamed and name in makers:
            node = copy.deepcopy(makers[name])
            node.name += "_on"
            inputs = [again(value) if node.op_type != "RotaryTable" or value == table.input[0] else value for value in node.input]
            del node.input[:]
            node.input.extend(inputs)
            for i, output in enumerate(node.output):
                renamed[output] = node.output[i] = f"{output}_on"
            added.append(node)
        return renamed.get(name, name)

    tables = [again(name) for name in nodes[at].input[1:3]]
    for offset, node in enumerate(added):
        nodes.insert(at + offset, node)
    nodes[at + len(added)].input[1], nodes[at + len(added)].input[2] = tables
    return model


@pytest.fixture(scope="module", params=MODELS)
def noisy(request, tmp_path_factory):
    """A model that moves by itself, and its fused form."""
    folder = tmp_path_factory.mktemp(request.param)
    onnx.save(MODELS[request.param](), str(folder / "model.onnx"))
    code, _, err = phasor("fuse", folder / "model.onnx", "-o", folder / "fused.onnx", "--no-verify")
    assert code == 0, err
    return folder / "model.onnx", folder / "fused.onnx"


@needs_runtime
def test_a_noisy_model_is_fused(noisy, tmp_path):
    more = ["--ort", RUNTIME, "--ops-lib", LIBRARY, "--require-verified"]
    code, out, err = phasor("fuse", noisy[0], "-o", tmp_path / "out.onnx", *more, "--format", "json")
    assert code == 0, out + err
    assert json.loads(out)["verification"]["verdict"] == "same"


@needs_runtime
@pytest.mark.parametrize("site", [0, -1])
@pytest.mark.parametrize("kind", ["sine", "shift"])
def test_a_wrong_rewrite_of_a_noisy_model_is_refused(noisy, kind, site, tmp_path):
    onnx.save(broken(noisy[1], kind, site), str(tmp_path / "broken.onnx"))
    code, report = compare(noisy[0], tmp_path / "broken.onnx")
    assert (code, report["verdict"]) == (1, "different"), report["verdict"]


@needs_runtime
def test_noise_is_told(tmp_path):
    path, moved = tmp_path / "model.onnx", tmp_path / "moved.onnx"
    model = MODELS["four-bit"]()
    onnx.save(model, str(path))
    # A rounding of one table: a right rewrite, as far as anybody can tell.
    frequencies = next(w for w in model.graph.initializer if list(w.dims) == [8])
    values = numpy_helper.to_array(frequencies) * np.float32(1 + 2**-22)
    frequencies.CopyFrom(numpy_helper.from_array(values, frequencies.name))
    onnx.save(model, str(moved))
    code, report = compare(path, moved)
    told = [o for c in report["cases"] for r in c["runs"] for o in r["outputs"] if o["noise"]]
    assert told and all(o["noise"]["runs"] > 10 for o in told), report["verdict"]
    assert code == 0, report["why"]
    code, report = compare(path, moved, "--tolerance", "1e-5")
    assert code == 1 and "1.0e-5 is allowed" in report["why"]
    code, out, _ = phasor("verify", path, moved, "--ort", RUNTIME, "--ops-lib", LIBRARY, "--seeds", 4)
    assert code == 0 and "the model moves by" in out and "by itself" in out, out
    code, out, _ = phasor("verify", path, moved, "--ort", RUNTIME, "--ops-lib", LIBRARY, "--tolerance", "1e-5")
    assert code == 1 and "hint: `--tolerance" in out, out


def foreign(path):
    """A model with an operator that ONNX Runtime does not have, and no body for it."""
    node = helper.make_node("RotaryEmbedding", ["x", "cos", "sin"], ["y"], domain="ai.phasor")
    shapes = {"x": ["b", "s", 8], "cos": ["s", 4], "sin": ["s", 4]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.phasor", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), str(path))


@needs_runtime
def test_operators_of_others_come_from_their_library(tmp_path):
    path = tmp_path / "foreign.onnx"
    foreign(path)
    verify = ["verify", path, path, "--engine", "ort", "--ort", RUNTIME]
    code, out, err = phasor(*verify, PHASOR_OPS_LIB="/no/such/library.so")
    assert code == 1 and "Not verified" in out, out + err
    assert "warning: " in out and "/no/such/library.so" in out, out
    code, out, err = phasor(*verify, "--custom-ops", LIBRARY, PHASOR_OPS_LIB="/no/such/library.so")
    assert code == 0 and "Verified on" in out, out + err


@needs_runtime
def test_what_the_optimisations_of_the_runtime_break_is_no_difference(tmp_path):
    """ReshapeFusion writes a size that it does not find along the same axis as -1, which stands for nothing where there are no elements."""
    texts = {
        "first": "<int64[1] one = {1}> { y = Unsqueeze(x, one) }",
        "second": """<int64[1] one = {1}, int64[1] zero = {0}, int64 i = {0}, int64 j = {1}, int64[1] width = {16}> {
            s = Shape(x)  b0 = Gather<axis = 0>(s, i)  b = Unsqueeze(b0, zero)
            t = Shape(x)  n0 = Gather<axis = 0>(t, j)  n = Unsqueeze(n0, zero)
            shape = Concat<axis = 0>(b, one, n, width)  y = Reshape(x, shape) }""",
    }
    for name, body in texts.items():
        text = f'<ir_version: 8, opset_import: ["" : 17]> g (float[batch, length, 16] x) => (float y) {body}'
        onnx.save(onnx.parser.parse_model(text), str(tmp_path / f"{name}.onnx"))
    code, report = compare(tmp_path / "first.onnx", tmp_path / "second.onnx")
    assert (code, report["verdict"]) == (0, "same"), report
    broken = [note for note in report["notes"] if "batch of 0" in note]
    # A release that mends it has nothing to note.
    assert all("agrees without them" in note for note in broken), broken


@needs_runtime
def test_a_scan_along_another_axis_ends_no_process(tmp_path):
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    body = helper.make_graph([helper.make_node("Neg", ["slice"], ["minus"])], "body", [value("slice", None)], [value("minus", None)])
    node = helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[2])
    graph = helper.make_graph([node], "g", [value("x", ["a", "b", "c"])], [value("y", [None] * 3)])
    path = tmp_path / "scan.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    code, report = compare(path, path)
    assert (code, report["verdict"]) == (0, "same"), report
    assert any("`Scan`" in note for note in report["notes"]), report["notes"]


@needs_runtime
@pytest.mark.parametrize("flag", ["--ops-lib", "--custom-ops", "--ort"])
def test_a_library_that_is_none_is_an_error(flag, tmp_path):
    model, out = ROOT / "models" / "llama-dynamo" / "model.onnx", tmp_path / "out.onnx"
    text = tmp_path / "text.so"
    text.write_text("no library")
    # A library, and not one of this kind.
    other = shutil.copy(RUNTIME if flag != "--ort" else LIBRARY, tmp_path / "other.so")
    for wrong in ["/no/such/library.so", text, other]:
        runtime = ["--ort", RUNTIME] if flag != "--ort" else []
        code, _, err = phasor("fuse", model, "-o", out, *runtime, flag, wrong)
        assert code == 2 and err.startswith("error: ") and str(wrong) in err and "hint: " in err, err
        assert not out.exists()
