"""Writes the malformed models of this folder. Needs nothing but Python; run it in this folder.

Each file has one fault. tests/onnx_file/hostile.rs lists what is said about it.
"""

import pathlib
import random

HERE = pathlib.Path(__file__).parent


def varint(value):
    value %= 1 << 64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag, body):
    body = body.encode() if isinstance(body, str) else body
    return varint(tag << 3 | 2) + varint(len(body)) + body


def number(tag, value):
    return varint(tag << 3) + varint(value)


def node(op, name, inputs, outputs, attributes=b""):
    parts = [field(1, i) for i in inputs] + [field(2, o) for o in outputs]
    return field(1, b"".join(parts) + field(3, name) + field(4, op) + attributes)


def integer(name, number_):
    return field(5, field(1, name) + number(3, number_) + number(20, 2))


def integers(name, *numbers):
    return field(5, field(1, name) + b"".join(number(8, n) for n in numbers) + number(20, 7))


def value(tag, name, dims=(2,)):
    shape = field(2, b"".join(field(1, number(1, d)) for d in dims))
    return field(tag, field(1, name) + field(2, field(1, number(1, 1) + shape)))


def tensor(name, dims, raw=None, external=()):
    out = b"".join(number(1, d) for d in dims) + number(2, 1) + field(8, name)
    if raw is not None:
        out += field(9, raw)
    for key, text in external:
        out += field(13, field(1, key) + field(2, text))
    return field(5, out + (number(14, 1) if external else b""))


def int64s(name, *numbers, dims=None):
    dims = (len(numbers),) if dims is None else dims
    data = b"".join((n % (1 << 64)).to_bytes(8, "little") for n in numbers)
    return field(5, b"".join(number(1, d) for d in dims) + number(2, 7) + field(8, name) + field(9, data))


def model(graph):
    return number(1, 8) + field(8, field(1, "") + number(2, 17)) + field(7, graph)


def graph(*nodes, extra=b"", dims=(2,)):
    return b"".join(nodes) + field(2, "g") + value(11, "x", dims) + value(12, "y") + extra


def unary(op, attributes=b"", inputs=("x",), extra=b"", dims=(2, 3, 4)):
    """A model of one node, which computes `y` from `x` and the initializers in `extra`."""
    return model(graph(node(op, "odd", inputs, ["y"], attributes), extra=extra, dims=dims))


def derived(op, attributes=b"", inputs=("z",), extra=b""):
    """The same, of `x` with a rank that only inference knows."""
    return model(graph(node("Neg", "before", ["x"], ["z"]), node(op, "odd", inputs, ["y"], attributes), extra=extra, dims=(2, 3, 4)))


def add(extra):
    """A model that adds the initializer `w`."""
    return model(graph(node("Add", "add", ["x", "w"], ["y"]), extra=extra))


def function(name, called):
    """A function of domain `pkg` that does nothing but call another."""
    call = field(1, "x") + field(2, "y") + field(4, called) + field(7, "pkg")
    return field(25, field(1, name) + field(4, "x") + field(5, "y") + field(7, call) + field(10, "pkg"))


sound = add(tensor("w", [2], bytes(8)))
deep = b""
for _ in range(500):
    deep = node("If", "", ["c"], [], field(5, field(1, "then_branch") + field(6, deep)))

FILES = {
    # No model at all.
    "empty": b"",
    "text": b"This is a note about a model, not a model.\n",
    "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "zip": b"PK\x03\x04" + bytes(26) + b"archive/data.pkl",
    "pickle": b"\x80\x02}q\x00.",
    "gguf": b"GGUF\x03\x00\x00\x00" + bytes(16),
    "safetensors": (2).to_bytes(8, "little") + b"{}",
    "random": random.Random(0).randbytes(400),
    # Damaged.
    "truncated": sound[:-20],
    "length_bomb": number(1, 8) + varint(7 << 3 | 2) + varint(1 << 60),
    "inner_length": model(node("Relu", "a", ["x"], ["y"]) + varint(1 << 3 | 2) + varint(812) + b"xx"),
    "long_varint": varint(1 << 3) + b"\xff" * 11,
    "wrong_wire_type": model(number(1, 3)),
    "not_utf8": model(graph(node("Relu", "relu", ["x"], ["y"])) + field(1, field(4, b"\xff\xfe"))),
    "deep": model(deep),
    "packed_cut_off": add(field(5, number(1, 1) + number(2, 1) + field(4, b"\0\0\0") + field(8, "w"))),
    # Sound protobuf, no sound graph.
    "no_graph": number(1, 8) + field(8, number(2, 17)),
    "cycle": model(graph(node("Add", "one", ["x", "b"], ["a"]), node("Relu", "two", ["a"], ["b"]))),
    "defined_twice": model(graph(node("Relu", "one", ["x"], ["y"]), node("Neg", "two", ["x"], ["y"]))),
    "recursive_functions": model(graph(node("f", "call", ["x"], ["y"], field(7, "pkg")))) + function("f", "g") + function("g", "f"),
    # Sound graphs with weights that cannot be had.
    "huge_shape": add(tensor("w", [1 << 40, 1 << 40], bytes(8))),
    "negative_shape": add(tensor("w", [(1 << 64) - 2], bytes(8))),
    "short_data": add(tensor("w", [1000], bytes(8))),
    "missing_data": add(tensor("w", [2], external=[("location", "gone.bin")])),
    "outside_data": add(tensor("w", [2], external=[("location", "../../secret.bin")])),
    "data_past_end": add(tensor("w", [2], external=[("location", "empty.onnx"), ("offset", "4")])),
    # Sizes that do not broadcast: one is empty, the other too large to look at.
    "empty_operand": unary("Add", inputs=("x", "w"), extra=tensor("w", [0, 4], b""), dims=(2, 1 << 62)),
    # Sound graphs of nodes that ONNX does not allow.
    "axis_far": unary("LayerNormalization", integer("axis", 1 << 40), ["x", "w"], tensor("w", [4], bytes(16))),
    "axis_below": unary("OneHot", integer("axis", -(1 << 31)), ["x", "d", "v"], int64s("d", 4, dims=()) + tensor("v", [2], bytes(8))),
    "axis_twice": unary("Transpose", integers("perm", 0, 0, 1)),
    "axis_input": unary("CumSum", b"", ["x", "a"], int64s("a", 3)),
    "gaps_far": unary("Unsqueeze", b"", ["x", "a"], int64s("a", 1 << 40)),
    "group_zero": unary("Conv", integer("group", 0), ["x", "w"], tensor("w", [1, 1, 1], bytes(4))),
    "attribute_missing": unary("Concat"),
    "attribute_kind": unary("Concat", integers("axis", 0)),
    "inputs_missing": unary("Add"),
    "input_left_out": unary("Add", b"", ["", "x"]),
    "bound_empty": unary("Range", b"", ["a", "b", "b"], int64s("a") + int64s("b", 1, dims=())),
    "scan_states": model(graph(node("Scan", "odd", ["x", "x"], ["y"], integer("num_scan_inputs", 2) + field(5, field(1, "body") + field(6, node("Neg", "", ["i"], ["o"]) + value(11, "i") + value(12, "o")) + number(20, 5))))),
    "scan_inputs": model(graph(node("Scan", "odd", ["x"], ["y"], integer("num_scan_inputs", 2) + field(5, field(1, "body") + field(6, graph(node("Neg", "", ["x"], ["y"]))) + number(20, 5))))),
    "scalar_indices": unary("GatherND", b"", ["x", "i"], int64s("i", 0, dims=())),
    "shape_open_twice": unary("Reshape", b"", ["x", "s"], int64s("s", -1, -1)),
    "rank_far": model(graph(node("Expand", "odd", ["x", "s"], ["y"]), extra=value(11, "s", [1 << 40]))),
    "undefined": model(graph(node("Add", "odd", ["x", "nobody"], ["y"]))),
    "undefined_output": model(graph(node("Neg", "odd", ["x"], ["z"]))),
    "undefined_inside": model(graph(node("Cast", "cast", ["x"], ["c"], integer("to", 9)), node("If", "odd", ["c"], ["y"], b"".join(
        field(5, field(1, branch) + field(6, node("Neg", "inner", [name], ["o"]) + value(12, "o")) + number(20, 5))
        for branch, name in (("then_branch", "x"), ("else_branch", "nobody")))))),
    # Models that ONNX allows, or whose fault only inference tells, and that ask for much.
    "axis_derived": derived("LayerNormalization", integer("axis", -1000), ["z", "w"], tensor("w", [4], bytes(16))),
    "axis_of_scalar": derived("LayerNormalization", b"", ["c", "c"], tensor("c", [], bytes(4))),
    "perm_derived": derived("Transpose", integers("perm", 1, 0)),
    "bound_derived": model(graph(node("Shape", "shape", ["x"], ["s"], integer("start", 2)), node("Range", "odd", ["o", "s", "o"], ["y"]), extra=int64s("o", 1, dims=()))),
    "eyelike_size": unary("EyeLike", dims=(1 << 40, 4)),
    "eyelike_rows": unary("EyeLike", dims=(1 << 40, 0)),
    "constant_size": unary("ConstantOfShape", b"", ["s"], int64s("s", 1 << 20, 1 << 20)),
    "tile_size": unary("Tile", b"", ["x", "s"], int64s("s", 1 << 40), dims=(1,)),
    "expand_size": unary("Expand", b"", ["x", "s"], int64s("s", 1 << 40), dims=(1,)),
    "range_size": unary("Range", b"", ["a", "b", "c"], int64s("a", 0, dims=()) + int64s("b", 1 << 62, dims=()) + int64s("c", 1, dims=())),
    "concat_size": model(graph(node("Reshape", "one", ["c", "s"], ["r"]), node("Concat", "odd", ["r", "r"], ["y"], integer("axis", 0)), extra=int64s("c", 1, dims=()) + int64s("s", 10**9))),
    "pad_size": unary("Pad", b"", ["x", "s"], int64s("s", 1 << 40, 1 << 40), dims=(1,)),
    "pad_length": unary("Pad", b"", ["x", "s"], int64s("s", 0, 1, dims=(1 << 31,)), dims=(1,)),
    "pad_derived": model(graph(node("Expand", "before", ["c", "s"], ["p"]), node("Pad", "odd", ["x", "p"], ["y"]), extra=int64s("c", 0) + int64s("s", 1 << 31), dims=(1,))),
    "pad_empty": unary("Pad", b"", ["x", "s"], int64s("s", 1 << 40, 1 << 40), dims=(0,)),
    "axis_wired": model(graph(node("Unsqueeze", "before", ["s", "x"], ["p"]), node("CumSum", "odd", ["x", "p"], ["y"]), extra=int64s("s", dims=(0,)), dims=(0,))),
    "pad_wired": model(graph(node("Unsqueeze", "before", ["s", "x"], ["p"]), node("Pad", "odd", ["x", "p"], ["y"]), extra=int64s("s", 1 << 40, 1 << 40), dims=(0,))),
    "pad_itself": unary("Pad", b"", ["s", "s"], int64s("s", 1 << 40, 1 << 40), dims=(1,)),
    "pad_attribute": unary("Pad", integers("pads", -(1 << 62)), ["s", "s"], int64s("s", 1 << 40, 1 << 40), dims=(1,)),
    "shape_of_rank_2": unary("Reshape", b"", ["x", "x"], dims=(1 << 40, 4)),
    "random_size": unary("RandomNormal", integers("shape", 1 << 40, 1 << 20), []),
    "topk_size": model(graph(node("TopK", "odd", ["x", "s"], ["y", "i"]), extra=int64s("s", 1 << 60), dims=(4,))),
    "slice_step": unary("Slice", b"", ["x", "s", "e", "a", "t"], int64s("s", -(1 << 63)) + int64s("e", (1 << 63) - 1) + int64s("a", 0) + int64s("t", -(1 << 63))),
    "empty_table": add(tensor("w", [0, 4], b"")),
}

if __name__ == "__main__":
    for name, content in FILES.items():
        (HERE / f"{name}.onnx").write_bytes(content)
