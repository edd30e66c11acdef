"""Writes the malformed models of this folder. Needs nothing but Python; run it in this folder.

Each file has one fault. tests/onnx_file/hostile.rs lists what is said about it.
"""

import pathlib
import random

HERE = pathlib.Path(__file__).parent


def varint(value):
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


def model(graph):
    return number(1, 8) + field(8, field(1, "") + number(2, 17)) + field(7, graph)


def graph(*nodes, extra=b""):
    return b"".join(nodes) + field(2, "g") + value(11, "x") + value(12, "y") + extra


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
}

if __name__ == "__main__":
    for name, content in FILES.items():
        (HERE / f"{name}.onnx").write_bytes(content)
