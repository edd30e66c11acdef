"""The operator library inside ONNX Runtime: sessions side by side, repeated registration, errors of the model and of the operator."""
import concurrent.futures

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from conftest import LIBRARY, ROOT, difference, readable, run, session


def operator_model(path, dtype, x, cos, sin, **attributes):
    """A model of one RotaryEmbedding node without a function body: the kernel alone can run it."""
    node = helper.make_node("RotaryEmbedding", ["x", "cos", "sin"], ["y"], domain="ai.phasor", **attributes)
    shapes = {"x": x, "cos": cos, "sin": sin}
    inputs = [helper.make_tensor_value_info(name, dtype, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", dtype, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.phasor", 1)], ir_version=8)
    onnx.save(model, str(path))
    return str(path)


def rotate(x, cos, sin, interleaved):
    """The definition, in double precision."""
    x, cos, sin = (a.astype(np.float64) for a in (x, cos, sin))
    y = np.empty_like(x)
    half = x.shape[-1] // 2
    a, b = (np.s_[..., 0::2], np.s_[..., 1::2]) if interleaved else (np.s_[..., :half], np.s_[..., half:])
    y[a] = x[a] * cos - x[b] * sin
    y[b] = x[b] * cos + x[a] * sin
    return y


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14), ("float16", 2e-3)])
@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("width", [2, 6, 16, 128, 130])
def test_the_kernel_keeps_the_definition(dtype, tolerance, interleaved, width, tmp_path):
    random = np.random.default_rng(7)
    x = random.standard_normal((2, 3, 5, width)).astype(dtype)
    angle = random.standard_normal((2, 1, 5, width // 2))
    cos, sin = np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    path = operator_model(tmp_path / "m.onnx", kind, [None] * 4, [None] * 4, [None] * 4, interleaved=interleaved)
    y = run(session(path, LIBRARY), {"x": x, "cos": cos, "sin": sin})["y"]
    assert y.dtype == x.dtype
    assert np.abs(y.astype(np.float64) - rotate(x, cos, sin, interleaved)).max() <= tolerance * 4


def test_a_shape_that_does_not_fit_is_an_error(tmp_path):
    path = operator_model(tmp_path / "m.onnx", TensorProto.FLOAT, [None] * 4, [None] * 4, [None] * 4)
    s = session(path, LIBRARY)
    x = np.zeros((1, 2, 3, 8), np.float32)
    for table in [(1, 1, 4, 4), (1, 1, 3, 5), (1, 1, 3, 16), (7, 1, 3, 4)]:
        table = np.zeros(table, np.float32)
        with pytest.raises(Exception, match="RotaryEmbedding"):
            s.run(None, {"x": x, "cos": table, "sin": table})
    table = np.zeros((1, 1, 3, 4), np.float32)
    assert s.run(None, {"x": x, "cos": table, "sin": table})[0].shape == x.shape


def test_attributes_that_make_no_sense_are_refused(tmp_path):
    for bad in [dict(interleaved=2), dict(rotary_dim=3), dict(rotary_dim=-2), dict(rotary_offset=-1)]:
        path = operator_model(tmp_path / "m.onnx", TensorProto.FLOAT, [None] * 4, [None] * 4, [None] * 4, **bad)
        with pytest.raises(Exception, match=next(iter(bad))):
            session(path, LIBRARY)


def test_an_odd_number_of_channels_is_an_error(tmp_path):
    path = operator_model(tmp_path / "m.onnx", TensorProto.FLOAT, [None] * 2, [None] * 2, [None] * 2)
    s = session(path, LIBRARY)
    with pytest.raises(Exception, match="RotaryEmbedding"):
        s.run(None, {"x": np.zeros((2, 7), np.float32), "cos": np.zeros((2, 3), np.float32), "sin": np.zeros((2, 3), np.float32)})


def test_an_empty_tensor_passes(tmp_path):
    path = operator_model(tmp_path / "m.onnx", TensorProto.FLOAT, [None] * 3, [None] * 3, [None] * 3)
    table = np.zeros((1, 0, 4), np.float32)
    y = run(session(path, LIBRARY), {"x": np.zeros((2, 0, 8), np.float32), "cos": table, "sin": table})["y"]
    assert y.shape == (2, 0, 8)


def test_one_session_serves_many_threads(fused, tmp_path):
    s = session(readable(fused.path, tmp_path), LIBRARY, threads=2)
    cases = list(fused.cases())
    want = [run(s, inputs) for inputs, _ in cases]

    def work(k):
        inputs, _ = cases[k % len(cases)]
        got = run(s, inputs)
        return all(np.array_equal(got[n], w) for n, w in want[k % len(cases)].items())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_sessions_live_side_by_side_and_end_in_any_order(llama, tmp_path):
    path = readable(llama.path, tmp_path)
    (inputs, expected), *_ = llama.cases()
    sessions = [session(path, LIBRARY) for _ in range(4)]
    del sessions[0], sessions[1]
    plain = session(path, None)
    for s in [*sessions, plain]:
        assert difference(run(s, inputs), expected) <= llama.tolerance


def test_registering_twice_is_harmless(llama, tmp_path):
    options = ort.SessionOptions()
    options.register_custom_ops_library(LIBRARY)
    options.register_custom_ops_library(LIBRARY)
    s = ort.InferenceSession(readable(llama.path, tmp_path), options, providers=["CPUExecutionProvider"])
    (inputs, expected), *_ = llama.cases()
    assert difference(run(s, inputs), expected) <= llama.tolerance


def test_one_set_of_options_makes_many_sessions(llama, tmp_path):
    options = ort.SessionOptions()
    options.register_custom_ops_library(LIBRARY)
    path = readable(llama.path, tmp_path)
    (inputs, expected), *_ = llama.cases()
    for _ in range(3):
        s = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        assert difference(run(s, inputs), expected) <= llama.tolerance


def test_a_position_out_of_range_stays_the_error_it_was(fused_models, tmp_path):
    """GPT-J looks its angles up in a table: the model's own Gather speaks, fused or not."""
    gptj = fused_models(ROOT / "models" / "gptj-dynamo")
    (inputs, _), *_ = gptj.cases()
    inputs = {**inputs, "position_ids": inputs["position_ids"] + 10_000}
    messages = []
    for path, library in [(gptj.original, None), (gptj.path, None), (gptj.path, LIBRARY)]:
        with pytest.raises(Exception) as error:
            run(session(readable(path, tmp_path), library), inputs)
        messages.append(str(error.value))
    for message in messages:
        assert "GatherElements" in message and "Out of range" in message


def test_a_cast_for_one_session_leaves_the_next_alone(llama, fused_models, tmp_path):
    """Models of different element types in one process."""
    half = fused_models(ROOT / "models" / "llama-f16")
    sessions = [(m, session(readable(m.path, tmp_path), LIBRARY)) for m in (llama, half, llama, half)]
    for model, s in sessions:
        for inputs, expected in model.cases():
            assert difference(run(s, inputs), expected) <= model.tolerance
