"""Models with `RelativeGather`, and what they should compute."""

import numpy as np
import onnx
from common import DOMAIN
from onnx import TensorProto, helper
from rotary import TYPES, round_to

NAME = "RelativeGather"
INTEGERS = {"int64": (TensorProto.INT64, np.int64), "int32": (TensorProto.INT32, np.int32)}
POSITIONS = ["query_positions", "key_positions"]


def single(by_key=None, dtype="float", integer="int64", opset=17, functions=(), lut=None, shapes=None, several=False):
    """A model of one node; of two that differ in `by_key`, with scores of their own, if `several`.

    bfloat16 comes in and goes out as float. `lut` is the lookup table, where that is not an input; `shapes` are those declared.
    """
    shapes = shapes or {}
    outer = "float" if dtype == "bfloat16" else dtype
    inputs, initializers, nodes, outputs = [], [], [], []
    for name in ["lut", *POSITIONS]:
        if name == "lut" and lut is not None:
            initializers.append(onnx.numpy_helper.from_array(lut, "lut"))
            continue
        inputs.append(helper.make_tensor_value_info(name, INTEGERS[integer][0], shapes.get(name)))
    for suffix, by_key in [("", 0), ("_by_key", 1)] if several else [("", by_key)]:
        scores, output = f"scores{suffix}", f"output{suffix}"
        inputs.append(helper.make_tensor_value_info(scores, TYPES[outer], shapes.get(scores)))
        outputs.append(helper.make_tensor_value_info(output, TYPES[outer], None))
        names = [scores, output]
        if outer != dtype:
            names = [f"{name}_inner" for name in names]
            nodes.append(helper.make_node("Cast", [scores], names[:1], to=TYPES[dtype]))
        attributes = {} if by_key is None else {"by_key": by_key}
        nodes.append(
            helper.make_node(NAME, [names[0], "lut", *POSITIONS], names[1:], domain=DOMAIN, name=f"gather{suffix}_0", **attributes)
        )
        if outer != dtype:
            nodes.append(helper.make_node("Cast", names[1:], [output], to=TYPES[outer]))
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def lookup(kind, reach, integer="int64"):
    """A lookup table, with as many columns as it names."""
    distance = np.arange(-reach, reach + 1)
    near = max(reach // 3, 1)
    far = near + np.ceil(np.log(np.maximum(np.abs(distance), 1) / near) * near / 2)
    entries = {
        "identity": distance + reach,
        "reversed": reach - distance,
        "bucketed": np.sign(distance) * np.where(np.abs(distance) <= near, np.abs(distance), far).astype(int),
        "scattered": np.random.default_rng(reach).integers(0, 3 * reach + 2, 2 * reach + 1),
    }[kind]
    return (entries - min(entries.min(), 0)).astype(INTEGERS[integer][1])


def inputs(lead, query, key, lut, by_key=False, dtype="float", integer="int64", seed=0):
    """Random scores, and the rest as given; positions are arrays, or numbers of consecutive ones."""
    random = np.random.default_rng(seed)
    query, key = (np.arange(p) if np.ndim(p) == 0 else np.asarray(p) for p in (query, key))
    shape = (*lead, (key if by_key else query).shape[-1], int(lut.max()) + 1)
    kind = INTEGERS[integer][1]
    return {
        "scores": round_to(random.standard_normal(shape), dtype),
        "lut": lut.astype(kind),
        "query_positions": query.astype(kind),
        "key_positions": key.astype(kind),
    }


def reference(scores, lut, query_positions, key_positions, by_key=False):
    """The operator in numpy, with Python's integers."""
    reach = len(lut) // 2
    query = query_positions.astype(object)[..., :, None]
    key = key_positions.astype(object)[..., None, :]
    slot = np.clip(key - query, -reach, reach) + reach
    columns = lut[slot.astype(np.int64)].astype(np.int64)
    if by_key:
        columns = np.swapaxes(columns, -1, -2)
    columns = np.broadcast_to(columns, (*scores.shape[:-2], *columns.shape[-2:]))
    picked = np.take_along_axis(scores, columns, -1)
    return np.swapaxes(picked, -1, -2) if by_key else picked


def run(session, feeds):
    """The outputs; feeds the session does not want are left out."""
    names = {i.name for i in session.get_inputs()}
    return session.run(None, {k: v for k, v in feeds.items() if k in names})


def assert_same(got, expected):
    """To the bit, whatever the bits mean."""
    assert got.dtype == expected.dtype and got.shape == expected.shape, (got.dtype, got.shape, expected.dtype, expected.shape)
    assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()
