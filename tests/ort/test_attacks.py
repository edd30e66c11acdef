"""What models and callers may do wrong, or unusually, with every operator: it is refused or works, and the session goes on."""

import gc
import os
import re
import sys
import threading

import numpy as np
import onnx
import pytest
import samples
from onnx import TensorProto, helper

OPERATORS = samples.operators()
INPUTS = [(name, value) for name in OPERATORS for value in samples.SAMPLES[name](5)[1]]
ATTRIBUTES = [(name, value) for name in OPERATORS for value in samples.attributes(name)]
each_operator = pytest.mark.parametrize("name", OPERATORS)
each_input = pytest.mark.parametrize("name, value", INPUTS, ids=["-".join(pair) for pair in INPUTS])
each_attribute = pytest.mark.parametrize("name, attribute", ATTRIBUTES, ids=["-".join(pair) for pair in ATTRIBUTES])


def run(made, inputs):
    return [output.tobytes() for output in made.run(None, inputs)]


def others(array):
    """Arrays of other shapes with the same elements."""
    yield array.reshape(-1)[:1].reshape(())
    yield array[None]
    yield array.reshape((1,) * 17 + array.shape)
    yield array.reshape(-1)
    for axis, size in enumerate(array.shape):
        for indices in ([], range(size - 1), [*range(size), 0], [*range(size)] * 2):
            yield np.take(array, indices, axis=axis).astype(array.dtype)


def test_every_operator_has_a_sample():
    assert OPERATORS == sorted(samples.SAMPLES)


@each_input
def test_other_shapes(session, name, value):
    model, inputs = samples.single(name)
    made = session(model)
    expected = run(made, inputs)
    for array in others(inputs[value]):
        try:
            made.run(None, {**inputs, value: array})
        except Exception as error:
            assert type(error).__name__ == "InvalidArgument", type(error)
            named = str(error).split(f"{name}: ")[-1]
            assert any(re.search(rf"\b{other}\b", named) for other in inputs), error
        assert run(made, inputs) == expected


@each_input
def test_extreme_values(session, name, value):
    model, inputs = samples.single(name)
    made = session(model)
    expected = run(made, inputs)
    if inputs[value].dtype == np.int64:
        extremes = [-(2**63), 2**63 - 1, -(2**31) - 1, 2**31, -1, 2**62]
    else:
        extremes = [np.nan, np.inf, -np.inf, 3e38, 1e-45, -0.0]
    for extreme in extremes:
        for part in (0, slice(None)):
            array = inputs[value].copy()
            array.reshape(-1)[part] = extreme
            try:
                made.run(None, {**inputs, value: array})
            except Exception as error:
                assert value == "lut" and f"{name}: lut[0] is {extreme}, expected" in str(error), error
    assert run(made, inputs) == expected


@each_input
def test_nodes_without_an_input(session, name, value):
    for change in ("empty", "dropped", "typed"):
        model, _ = samples.single(name)
        node = model.graph.node[0]
        index = list(node.input).index(value)
        if change == "empty":
            node.input[index] = ""
        elif change == "dropped":
            del node.input[index]
        else:
            model.graph.input[index].type.tensor_type.elem_type = TensorProto.STRING
        with pytest.raises(Exception, match=name):
            session(model)


@each_operator
def test_nodes_with_too_much(session, name):
    model, inputs = samples.single(name)
    model.graph.node[0].input.append(next(iter(inputs)))
    with pytest.raises(Exception, match="input size"):
        session(model)
    model, _ = samples.single(name)
    model.graph.node[0].output.append("more")
    with pytest.raises(Exception, match="output size"):
        session(model)


@each_operator
def test_outputs_nobody_reads(session, name):
    model, inputs = samples.single(name)
    expected = run(session(model), inputs)
    for index in range(len(expected) if len(expected) > 1 else 0):
        one, _ = samples.single(name)
        del one.graph.output[index]
        assert run(session(one), inputs) == [*expected[:index], *expected[index + 1 :]]
        one.graph.node[0].output[index] = ""
        with pytest.raises(Exception, match=name):
            session(one)


@each_attribute
def test_attributes_of_other_types(session, name, attribute):
    model, _ = samples.single(name)
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
    for value in ("text", ["a", "b"], [1], [1.5], tensor, model.graph):
        wrong, _ = samples.single(name, attributes={})
        wrong.graph.node[0].attribute.append(helper.make_attribute(attribute, value))
        with pytest.raises(Exception, match=f"attribute `{attribute}` is not a"):
            session(wrong)


@each_attribute
def test_extreme_attributes(session, name, attribute):
    for value in (2**62, -(2**63), float("nan"), float("inf")):
        model, inputs = samples.single(name, attributes={})
        model.graph.node[0].attribute.append(helper.make_attribute(attribute, value))
        try:
            session(model).run(None, inputs)
        except Exception as error:
            assert f"{name}: " in str(error) and f"`{attribute}`" in str(error), error


@each_operator
def test_initializers_that_a_caller_replaces(session, name):
    """A default value of an input is no constant."""
    model, inputs = samples.single(name)
    expected = run(session(model), inputs)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(np.zeros_like(v), k) for k, v in inputs.items())
    made = session(model)
    assert run(made, {}) == run(made, {k: np.zeros_like(v) for k, v in inputs.items()})
    assert run(made, inputs) == expected


@each_operator
def test_constants(session, name):
    model, inputs = samples.single(name)
    expected = run(session(model), inputs)
    for value, array in inputs.items():
        fixed, _ = samples.single(name)
        fixed.graph.initializer.append(onnx.numpy_helper.from_array(array, value))
        del fixed.graph.input[list(inputs).index(value)]
        assert run(session(fixed), {k: v for k, v in inputs.items() if k != value}) == expected


@each_operator
def test_constants_at_odd_addresses(ort, library, name, tmp_path):
    """The host maps files of weights, in which a tensor may begin anywhere."""
    model, inputs = samples.single(name)
    expected = model.SerializeToString()
    # Of the first input nothing is known beforehand.
    first, *rest = inputs
    del model.graph.input[1:]
    weights = bytearray()
    for value in rest:
        array = inputs[value]
        weights += b"\0" * (1 + len(weights) % 2)
        tensor = model.graph.initializer.add(name=value, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in [("location", "weights"), ("offset", len(weights)), ("length", array.nbytes)]:
            tensor.external_data.add(key=key, value=str(text))
        weights += array.tobytes()
    path = tmp_path / "model.onnx"
    (tmp_path / "weights").write_bytes(weights)
    path.write_bytes(model.SerializeToString())
    options = ort.SessionOptions()
    options.register_custom_ops_library(library)
    odd, plain = (ort.InferenceSession(source, options, providers=["CPUExecutionProvider"]) for source in (str(path), expected))
    assert run(odd, {first: inputs[first]}) == run(plain, inputs)


@each_operator
def test_buffers_at_odd_addresses(session, name):
    model, inputs = samples.single(name)
    made = session(model)
    expected = made.run(None, inputs)
    odd = {value: np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:] for value, array in inputs.items()}
    for value in [*odd, None]:
        binding = made.io_binding()
        for other, array in inputs.items():
            address = (odd[other] if other == value else array).ctypes.data
            binding.bind_input(other, "cpu", 0, array.dtype, array.shape, address)
        if value:
            for output in made.get_outputs():
                binding.bind_output(output.name)
            made.run_with_iobinding(binding)
            assert [output.tobytes() for output in binding.copy_outputs_to_cpu()] == [array.tobytes() for array in expected]
            continue
        rooms = [np.zeros(array.nbytes + 1, np.uint8) for array in expected]
        for output, array, room in zip(made.get_outputs(), expected, rooms):
            binding.bind_output(output.name, "cpu", 0, array.dtype, array.shape, room.ctypes.data + 1)
        with pytest.raises(Exception, match=f"{name}: .* would be written to address 0x[0-9a-f]*[13579bdf], expected a multiple of 4"):
            made.run_with_iobinding(binding)


@pytest.mark.parametrize("name, by", [("RelativePositionBias", "table"), ("RelativeGather", "scores")])
@pytest.mark.parametrize("fixed", [[], ["lut"], ["by"], ["lut", "by"]], ids=str)
def test_entries_out_of_range_however_they_come(session, name, by, fixed):
    model, inputs = samples.single(name)
    inputs["lut"] = np.where(np.arange(33) == 7, 9, inputs["lut"])
    for value in fixed:
        value = by if value == "by" else value
        index = [given.name for given in model.graph.input].index(value)
        del model.graph.input[index]
        model.graph.initializer.append(onnx.numpy_helper.from_array(inputs.pop(value), value))
    with pytest.raises(Exception, match=r"lut\[7\] is 9, expected one of the 9"):
        session(model).run(None, inputs)


@pytest.mark.parametrize("name, same", [("RotaryEmbedding", ["X"] * 3), ("RotaryEmbeddingPair", ["X"] * 4), ("RotaryEmbeddingPair", ["X", "X", "c", "c"])], ids=str)
def test_one_tensor_for_several_inputs(session, name, same):
    """A tensor that may be overwritten is also read as a table."""
    inputs = {"x": np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 8), "y": np.ones((3, 8), np.float32)}
    outputs = samples.SAMPLES[name](3)[2]

    def made(sources):
        producers = [helper.make_node("Neg", ["x" if s.startswith("X") else "y"], [s]) for s in dict.fromkeys(sources)]
        node = helper.make_node(name, sources, outputs, domain=samples.DOMAIN)
        return session(samples.model([*producers, node], inputs, outputs))

    apart = made([f"{source}{index}" for index, source in enumerate(same)])
    assert run(made(same), inputs) == run(apart, inputs)


@pytest.mark.parametrize(
    "name, inputs",
    [
        ("AlibiBias", {"slopes": np.ones(1 << 12, np.float32), "query_positions": np.zeros(1 << 21, np.int64), "key_positions": np.zeros(1 << 21, np.int64)}),
        ("SinusoidalEmbedding", {"positions": np.zeros(1 << 20, np.int64), "frequencies": np.ones(4), "target_type": np.zeros([], np.float32)}),
    ],
    ids=["AlibiBias", "SinusoidalEmbedding"],
)
@pytest.mark.skipif("PHASOR_NO_ARENA" in os.environ, reason="a memory checker ends the process where an allocation fails")
def test_outputs_larger_than_memory(session, name, inputs):
    attributes = {"width": 1 << 36} if name == "SinusoidalEmbedding" else {}
    model, _ = samples.single(name, attributes=attributes)
    made = session(model)
    with pytest.raises(Exception):
        made.run(None, inputs)
    small = samples.SAMPLES[name](5)[1]
    if name != "SinusoidalEmbedding":
        assert run(made, small) == run(session(samples.single(name, attributes=attributes)[0]), small)


@each_operator
def test_sessions_on_many_threads(session, name):
    """Sessions made, run and dropped by threads at once, in any order."""
    model, inputs = samples.single(name, length=40)
    expected = run(session(model), inputs)
    shared, wrong = session(model, threads=2), []

    def work():
        for _ in range(5):
            own = session(model)
            if run(own, inputs) != expected or run(shared, inputs) != expected:
                wrong.append(name)
            del own

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's list of mapped files")
def test_the_library_stays_loaded(session, library):
    """Hosts unload it with the last session and would have it make its tables anew for the next."""
    made = session(samples.single("RotaryTable")[0])
    del made
    gc.collect()
    with open("/proc/self/maps", encoding="utf-8") as maps:
        assert library in maps.read()
