"""Models with `RotaryEmbeddingPair`."""

import rotary
from common import DOMAIN
from onnx import TensorProto, helper

NAME = "RotaryEmbeddingPair"


def model(attributes=None, count=1, x_type="float", table_type="float", opset=17, functions=(), shapes=(None, None)):
    """A chain of `count` nodes from Q, K, cos, sin to YQ, YK; bfloat16 comes in and goes out as float."""
    nodes, inputs, outputs = [], [], []
    names = {"Q": x_type, "K": x_type, "cos": table_type, "sin": table_type}
    for (name, dtype), shape in zip(names.items(), (*shapes, None, None)):
        outer = "float" if dtype == "bfloat16" else dtype
        source = name if outer == dtype else f"{name}_outer"
        inputs.append(helper.make_tensor_value_info(source, rotary.TYPES[outer], shape))
        if source != name:
            nodes.append(helper.make_node("Cast", [source], [name], to=rotary.TYPES[dtype]))
    pair = ["Q", "K"]
    for index in range(count):
        turned = ["YQ", "YK"] if index == count - 1 else [f"q{index}", f"k{index}"]
        made = helper.make_node(
            NAME, [*pair, "cos", "sin"], turned, domain=DOMAIN, name=f"pair_{index}", **(attributes or {})
        )
        nodes.append(made)
        pair = turned
    for name in pair:
        if x_type == "bfloat16":
            nodes.append(helper.make_node("Cast", [name], [f"{name}_outer"], to=TensorProto.FLOAT))
            name = f"{name}_outer"
        outer = "float" if x_type == "bfloat16" else x_type
        outputs.append(helper.make_tensor_value_info(name, rotary.TYPES[outer], None))
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def inputs(q_shape, k_shape, table_shape, x_type="float", table_type="float"):
    """Random inputs, rounded to their types."""
    q = rotary.inputs(q_shape, table_shape, x_type=x_type, table_type=table_type)
    k = rotary.inputs(k_shape, table_shape, x_type=x_type, table_type=table_type, seed=1)["X"]
    return {"Q": q["X"], "K": k, "cos": q["cos"], "sin": q["sin"]}


def run(session, feeds):
    """Both outputs."""
    names = {i.name for i in session.get_inputs()}
    return session.run(None, {f"{k}_outer" if f"{k}_outer" in names else k: v for k, v in feeds.items()})


def check(got, feeds, dtype, times=1, **attributes):
    """Both outputs are what `RotaryEmbedding` makes of Q and of K."""
    for y, x in zip(got, ("Q", "K"), strict=True):
        expected = rotary.reference(feeds[x], feeds["cos"], feeds["sin"], **attributes)
        assert y.shape == expected.shape
        rotary.assert_close(y, expected, dtype, times)
