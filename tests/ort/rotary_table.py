"""Models with `RotaryTable`, and what they should compute."""

import fractions
import functools

import numpy as np
from common import DOMAIN
from onnx import TensorProto, helper, numpy_helper

NAME = "RotaryTable"
DEFAULTS = {"axis": 0, "amplitude": 1.0, "precise": 0}
TYPES = {
    "int64": (TensorProto.INT64, np.int64),
    "int32": (TensorProto.INT32, np.int32),
    "float": (TensorProto.FLOAT, np.float32),
    "double": (TensorProto.DOUBLE, np.float64),
}
TABLES = {**{name: TYPES[name] for name in ("float", "double")}, "float16": (TensorProto.FLOAT16, np.float16)}
# Half an ulp of the table's type around 1, and of its arithmetic.
EPSILON = {"float": 1.2e-7, "double": 2.3e-16, "float16": 2.45e-4}


def single(attributes=None, positions="int64", table="float", opset=17, functions=(), rank=None, constants=None):
    """A model of one node; `constants` are the frequencies, where these are not an input."""
    shape = [f"p_{i}" for i in range(rank)] if rank is not None else None
    inputs = [helper.make_tensor_value_info("positions", TYPES[positions][0], shape)]
    initializers = []
    if constants is None:
        inputs.append(helper.make_tensor_value_info("frequencies", TensorProto.DOUBLE, None))
    else:
        initializers.append(numpy_helper.from_array(constants.astype(np.float64), "frequencies"))
    initializers.append(numpy_helper.from_array(np.zeros([], TABLES[table][1]), "target_type"))
    outputs = [helper.make_tensor_value_info(n, TABLES[table][0], None) for n in ("cos", "sin")]
    node = helper.make_node(
        NAME, ["positions", "frequencies", "target_type"], ["cos", "sin"], domain=DOMAIN, name="table_0", **(attributes or {})
    )
    graph = helper.make_graph([node], "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def inputs(shape, frequencies, positions="int64", table="float", highest=5000, axis=None, seed=0):
    """Random positions below `highest` and falling frequencies that are exact in their types; with `axis` one row a coordinate."""
    random = np.random.default_rng(seed)
    values = random.integers(0, highest, shape)
    if positions in ("float", "double"):
        values = values + random.choice([0, 0.5, 0.25], shape)
    rows = [] if axis is None else [shape[axis]]
    exponents = random.uniform(0, 1, [*rows, frequencies])
    return {
        "positions": np.asarray(values).astype(TYPES[positions][1]),
        "frequencies": (10_000.0**-exponents).astype(TABLES[table][1]),
    }


@functools.cache
def _turn():
    """Two pi, to 200 bits."""
    digits = "6283185307179586476925286766559005768394338798750211641949889184615632812572417997256069650684234136"
    return fractions.Fraction(int(digits), 10 ** (len(digits) - 1))


def exact_angle(position, frequency):
    """The product, less whole turns, without rounding before the end."""
    angle = fractions.Fraction(float(position)) * fractions.Fraction(float(frequency))
    return angle - round(angle / _turn()) * _turn()


def reference(positions, frequencies, **attributes):
    """The operator in numpy; with `precise` in fractions."""
    a = {**DEFAULTS, **attributes}
    kind = np.float64 if frequencies.dtype == np.float64 else np.float32
    frequencies = frequencies.astype(kind)
    if frequencies.ndim == 1:
        positions, frequencies = positions[..., None], frequencies[None]
    else:
        positions = np.moveaxis(positions, a["axis"], -1)
    shape = (*positions.shape[:-1], frequencies.shape[-1])
    if a["precise"]:
        rows = positions.reshape(-1, positions.shape[-1])
        angle = [[float(sum(map(exact_angle, row, f))) for f in frequencies.T] for row in rows]
        angle = np.array(angle, np.float64).reshape(shape)
    else:
        angle = np.zeros(shape, kind)
        for p in range(frequencies.shape[0]):
            product = positions[..., p, None].astype(kind) * frequencies[p]
            angle = product if p == 0 else angle + product
        angle = angle.astype(np.float64)
    return [f(angle) * np.float64(np.float32(a["amplitude"])) for f in (np.cos, np.sin)]


def run(session, feeds):
    """Both outputs; feeds the session does not want are left out, and frequencies are given in double."""
    names = {i.name for i in session.get_inputs()}
    given = {**feeds, "frequencies": feeds["frequencies"].astype(np.float64)}
    return session.run(None, {k: v for k, v in given.items() if k in names})


def assert_close(got, expected, table, times=1.0):
    """Both outputs are of the type and within its tolerance, `times` over."""
    for g, e in zip(got, expected, strict=True):
        assert g.dtype == TABLES[table][1]
        assert g.shape == e.shape
        np.testing.assert_allclose(g.astype(np.float64), e, rtol=0, atol=EPSILON[table] * times)
