"""What the models of every operator's tests share."""

import onnx
from onnx import TensorProto, helper

DOMAIN = "ai.phasor"
OPSETS = [13, 15, 17, 18, 20, 21, 23, 24, 25, 26]


def use(**traits):
    """A use of an operator, as the program that prints bodies reads it."""
    return ",".join(f"{k}={v}" for k, v in traits.items())


def number(value):
    """A number of a body; infinities are printed as texts."""
    return float(value) if isinstance(value, str) else value


def function(body, opset):
    """The `FunctionProto` of a body."""

    def attribute(name, value):
        if isinstance(value, dict) and "double" in value:
            return helper.make_attribute(name, helper.make_tensor("", TensorProto.DOUBLE, [], [value["double"]]))
        if isinstance(value, dict):
            kind = onnx.AttributeProto.FLOAT if isinstance(number(value["default"]), float) else onnx.AttributeProto.INT
            return onnx.AttributeProto(name=name, ref_attr_name=value["reference"], type=kind)
        return helper.make_attribute(name, value)

    def node(n):
        # Fusions inside ONNX Runtime derive names from those of the body's nodes.
        made = helper.make_node(n["op_type"], n["inputs"], n["outputs"], domain=n["domain"], name=n["outputs"][0])
        made.attribute.extend(attribute(k, v) for k, v in n["attributes"].items())
        return made

    return helper.make_function(
        body["domain"],
        body["name"],
        body["inputs"],
        body["outputs"],
        [node(n) for n in body["nodes"]],
        [helper.make_opsetid("", opset)],
        attribute_protos=[helper.make_attribute(k, number(v)) for k, v in body["attributes"].items()],
    )
