"""Exceptions: their classes, their words and their hints, and the outcomes that raise them."""
import pickle
import re

import onnx
import pytest

import phasor


def raised(kind, function, *arguments, **options):
    """The exception, which is one of the package and says in a hint what to do."""
    with pytest.raises(kind) as caught:
        function(*arguments, **options)
    error = caught.value
    assert isinstance(error, phasor.Error)
    assert str(error) == (f"{error.message}\nhint: {error.hint}" if error.hint else error.message)
    assert not re.search("--[a-z]", error.hint or "") and not error.message.endswith(".")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    return error


def test_missing_file(tmp_path):
    error = raised(FileNotFoundError, phasor.fuse, tmp_path / "none.onnx")
    assert isinstance(error, phasor.MissingFileError) and error.hint == "check the path"
    assert (error.errno, error.filename) == (2, str(tmp_path / "none.onnx"))


def test_existing_file(model):
    before = model.read_bytes()
    error = raised(FileExistsError, phasor.fuse, model, model)
    assert error.hint == "use `force=True` to replace it" and model.read_bytes() == before
    assert phasor.fuse(model, model, force=True).verdict == "fused"


def test_missing_folder(model, tmp_path):
    error = raised(phasor.FileError, phasor.fuse, model, tmp_path / "none" / "fused.onnx")
    assert error.hint == "create the folder first"


def test_missing_data(external):
    (external.parent / "weights.bin").unlink()
    error = raised(phasor.MissingFileError, phasor.fuse, external, external.parent / "fused.onnx")
    assert "`verify=False`" in error.hint
    with pytest.warns(phasor.UnverifiedWarning, match="sites that need it are not found"):
        phasor.inspect(external)


@pytest.mark.parametrize("content", [b"", b"abc", b"\x08\x07", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_model(content):
    error = raised(phasor.ModelError, phasor.inspect, content)
    assert isinstance(error, ValueError) and error.message.startswith("`<memory>`: ")


def test_invalid_model(model):
    proto = onnx.load(str(model))
    proto.graph.node[0].input[:] = ["nobody"]
    raised(phasor.ModelError, phasor.fuse, proto)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"target": "tensorrt"}, "`phasor`, `contrib`, `onnx`"),
        ({"engine": "cuda"}, "`auto`, `ort`, `tract`"),
        ({"select": "rope"}, "`rotary`, `rotary-table`"),
        ({"ignore": ["rope"]}, "`rotary`, `rotary-table`"),
        ({"select": [1]}, "phasor.rules()"),
        ({"budget": {"time": 1}}, "`steps`, `bytes`, `seconds`"),
        ({"budget": {"steps": 0}}, "at least 1"),
        ({"seeds": 0}, "at least 1"),
        ({"seeds": 2**64}, "at least 1"),
        ({"time_limit": True}, "at least 1"),
        ({"dims": {"batch": -1}}, "at least 0"),
        ({"dims": ["batch"]}, '{"batch": 2}'),
        ({"tolerance": float("nan")}, "1e-4"),
        ({"pairs": True, "target": "contrib"}, "leave one of the two out"),
        ({"verify": False, "require_verified": True}, "leave one of the two out"),
        ({"check": True, "output": "fused.onnx"}, "leave one of the two out"),
        ({"engine": "tract", "ops_library": "x.so"}, "leave one of the two out"),
    ],
)
def test_arguments(model, options, words):
    error = raised(ValueError, phasor.fuse, model, **options)
    assert isinstance(error, phasor.ArgumentError) and words in error.hint


@pytest.mark.parametrize("given", [None, 1, ["model.onnx"], object()])
def test_other_things_than_models(given):
    error = raised(phasor.ArgumentError, phasor.fuse, given)
    assert error.message == f"`model` is a `{type(given).__name__}`"


def test_names_that_the_model_does_not_have(model):
    assert "`add_191`" in raised(phasor.ArgumentError, phasor.explain, model, "add_19").hint
    assert "`sequence`" in raised(phasor.ComparisonError, phasor.fuse, model, dims={"length": 2}).message


def test_libraries_that_do_not_load(model):
    error = raised(phasor.EngineError, phasor.verify, model, model, onnxruntime=model)
    assert "`onnxruntime`" in error.hint or "loaded" in error.message
    raised(phasor.EngineError, phasor.fuse, model, engine="ort", ops_library=model)


def test_an_opset_that_cannot_be_raised():
    """A rotation in opset 11, which the operator of opset 23 cannot stand in."""
    model = onnx.parser.parse_model(
        """<ir_version: 6, opset_import: ["" : 11]>
        rotary (float[B, S, 4] x, float[B, S, 2] angles) => (float[B, S, 4] y) {
            left, right = Split <axis = -1> (x)
            cos = Cos (angles)
            sin = Sin (angles)
            first = Mul (left, cos)
            second = Mul (right, sin)
            third = Mul (right, cos)
            fourth = Mul (left, sin)
            minus = Sub (first, second)
            plus = Add (third, fourth)
            y = Concat <axis = -1> (minus, plus)
        }"""
    )
    error = raised(phasor.ModelError, phasor.fuse, model, target="onnx")
    assert "opset 11" in error.message and "opset 13" in error.hint


def test_models_that_differ(model, tmp_path):
    """A function of the model under the name of an operator of ours computes something else than it."""
    fused = onnx.load_from_string(phasor.fuse(model, select="rotary", verify=False).result)
    for function in fused.functions:
        if function.name == "RotaryHeads":
            del function.node[:]
            turned = onnx.helper.make_node("Transpose", [function.input[0]], ["turned"], perm=[0, 2, 1, 3])
            function.node.extend([turned, onnx.helper.make_node("Neg", ["turned"], [function.output[0]])])
    report = phasor.verify(model, fused)
    assert report.verdict == "different" and report.why and not report.cases[0].runs[0].error
    output = tmp_path / "plain.onnx"
    original = onnx.load(str(model))
    original.graph.node[0].name = "kept"
    assert phasor.verify(original, model).verdict == "same" and not output.exists()


def test_a_tolerance_that_nothing_meets(model, tmp_path):
    output = tmp_path / "fused.onnx"
    error = raised(phasor.Differs, phasor.fuse, model, output, tolerance=0)
    assert error.report.verdict == "differs" and "different" in {error.report.verification.verdict}
    assert error.report.verification.why in error.message and not output.exists()
    error = raised(phasor.Differs, phasor.fuse, model.read_bytes(), tolerance=0)
    assert error.report.result is None


def unknown(model):
    """A model with an operator that no engine has."""
    proto = onnx.load(str(model))
    proto.opset_import.append(onnx.helper.make_opsetid("com.acme", 1))
    proto.graph.node.append(onnx.helper.make_node("Unknown", [proto.graph.output[0].name], ["more"], domain="com.acme"))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, None))
    return proto


def test_models_that_do_not_run(model):
    error = raised(phasor.NotVerified, phasor.fuse, unknown(model), require_verified=True)
    assert error.report.verdict == "not-verified" and error.report.result is None
    with pytest.warns(phasor.UnverifiedWarning, match="not verified"):
        report = phasor.fuse(unknown(model))
    assert report.verdict == "fused" and report.verification.verdict == "not-verified"
