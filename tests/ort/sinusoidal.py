"""Models with `SinusoidalEmbedding`, and what they should compute."""

import numpy as np
import rotary
import rotary_table as table
from common import DOMAIN
from onnx import TensorProto, helper, numpy_helper

NAME = "SinusoidalEmbedding"
DEFAULTS = {"interleaved": 0, "cos_first": 0, "amplitude": 1.0, "width": 0, "padding_position": -1, "precise": 0}
TYPES = rotary.TYPES
# Half a unit in the last place of the type around 1, and about one and a half of the arithmetic's.
TOLERANCE = {"float": 1.2e-7, "float16": 2.45e-4, "bfloat16": 1.96e-3, "double": 2.3e-16}
CASES = [
    (dict(), [2, 7]),
    (dict(interleaved=1), [9]),
    (dict(cos_first=1, amplitude=1.5), [2, 3]),
    (dict(interleaved=1, cos_first=1, precise=1), [4]),
    (dict(width=11), [5]),
    (dict(interleaved=1, width=11, amplitude=0.5), [5]),
    (dict(width=15, padding_position=3), [3, 4]),
    (dict(width=4, cos_first=1), [3]),
    (dict(interleaved=1, padding_position=0, precise=1, width=13), [6, 1]),
    (dict(precise=1, amplitude=-2.0), []),
]


def single(attributes=None, positions="int64", dtype="float", opset=17, functions=(), rank=None, constants=None):
    """A model of one node; bfloat16 goes out as float. `constants` are the frequencies, where these are no input."""
    outer = "float" if dtype == "bfloat16" else dtype
    cast = outer != dtype
    shape = [f"p_{i}" for i in range(rank)] if rank is not None else None
    inputs = [helper.make_tensor_value_info("positions", table.TYPES[positions][0], shape)]
    initializers = [helper.make_tensor("target_type", TYPES[dtype], [], [0])]
    if constants is None:
        inputs.append(helper.make_tensor_value_info("frequencies", TensorProto.DOUBLE, None))
    else:
        initializers.append(numpy_helper.from_array(constants.astype(np.float64), "frequencies"))
    given = ["positions", "frequencies", "target_type"]
    nodes = [helper.make_node(NAME, given, ["embedding"], domain=DOMAIN, name="sinusoidal_0", **(attributes or {}))]
    if cast:
        nodes.append(helper.make_node("Cast", ["embedding"], ["embedding_outer"], to=TensorProto.FLOAT))
    outputs = [helper.make_tensor_value_info("embedding_outer" if cast else "embedding", TYPES[outer], None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def inputs(shape, frequencies=6, positions="int64", dtype="float", highest=4000, seed=0):
    """Random positions below `highest`, small ones among them, and falling frequencies that are exact in their types."""
    random = np.random.default_rng(seed)
    values = np.where(random.random(shape) < 0.3, random.integers(0, 4, shape), random.integers(0, highest, shape))
    if positions in ("float", "double"):
        values = values + random.choice([0, 0.5, 0.25], shape)
    exponents = np.sort(random.uniform(0, 1, frequencies))
    return {
        "positions": np.asarray(values).astype(table.TYPES[positions][1]),
        "frequencies": rotary.round_to(10_000.0**-exponents, dtype),
    }


def reference(positions, frequencies, **attributes):
    """The operator in numpy; with `precise` in fractions."""
    a = {**DEFAULTS, **attributes}
    kind = np.float64 if frequencies.dtype == np.float64 else np.float32
    if a["precise"]:
        angle = [[float(table.exact_angle(p, f)) for f in frequencies] for p in positions.ravel()]
        angle = np.array(angle, np.float64).reshape(*positions.shape, frequencies.size)
    else:
        angle = (positions[..., None].astype(kind) * frequencies.astype(kind)).astype(np.float64)
    both = [f(angle) * np.float64(np.float32(a["amplitude"])) for f in (np.sin, np.cos)]
    if a["cos_first"]:
        both.reverse()
    row = np.stack(both, -1 if a["interleaved"] else -2).reshape(*positions.shape, -1 if positions.size else 2 * frequencies.size)
    width = a["width"] or row.shape[-1]
    row = row[..., :width]
    row = np.concatenate([row, np.zeros((*positions.shape, width - row.shape[-1]))], -1)
    if a["padding_position"] >= 0:
        row[positions == a["padding_position"]] = 0
    return row


def run(session, feeds):
    """The output; feeds the session does not want are left out, and frequencies are given in double."""
    names = {i.name for i in session.get_inputs()}
    given = {**feeds, "frequencies": feeds["frequencies"].astype(np.float64)}
    return session.run(None, {k: v for k, v in given.items() if k in names})[0]


def assert_close(got, expected, dtype, times=1.0):
    """The output is of the type and within its tolerance, `times` over."""
    assert got.dtype == (np.float32 if dtype == "bfloat16" else rotary.round_to([0], dtype).dtype)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.astype(np.float64), expected, rtol=0, atol=TOLERANCE[dtype] * times)
