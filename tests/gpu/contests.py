"""What is measured against what: models of equal nodes for each contestant, built by the scripts in `benches/` where they have them.

A contest has a name, the number of nodes of its models, a tolerance and contestants: each a model and its inputs. `phasor` is the first,
and `graph`, what exporters write, the one whose results count where it is there.
"""
import dataclasses
import sys

from .kit import ROOT


@dataclasses.dataclass
class Contest:
    name: str
    dtype: str
    nodes: int
    tolerance: float
    # Functions that give a model and its inputs; large ones are made when their turn comes.
    contestants: dict
    # Rotary embeddings are compared with PyTorch as well: kind and shape.
    rotary: tuple = ()


ROTARY = [
    ("decode", (1, 32, 1, 128)),
    ("decode", (16, 32, 1, 128)),
    ("decode", (64, 32, 1, 128)),
    # Large enough that no contestant finds in a cache what it wrote in the node before: one that works in place needs half the room.
    ("prefill", (8, 32, 2048, 128)),
]
# Keys of a pair beside as many queries.
KEYS = 4
ROTARY_SMALL = [("decode", (2, 4, 1, 32)), ("prefill", (1, 4, 64, 32))]
# Nodes of a chain of rotary embeddings: what a run costs beside them is then small.
CHAIN = {"decode": 256, "prefill": 16}
HEADS = 32


def contests(small):
    """All of them, in f16 and f32 where the operator has both."""
    sys.path.insert(0, str(ROOT / "benches"))
    # Before `relative_bias`, which has the tests' modules of the same names found first.
    import relative_gather  # noqa: F401
    import rotary as _  # noqa: F401
    import sinusoidal  # noqa: F401

    yield from rotary(small)
    yield from pairs(small)
    yield from biases(small)
    yield from gathers(small)
    yield from tables(small)


def rotary(small):
    import rotary as bench

    bench.CHAIN.update({"decode": 8, "prefill": 2} if small else CHAIN)
    for kind, shape in ROTARY_SMALL if small else ROTARY:
        for dtype in ("f16", "f32"):

            def made(name, kind=kind, shape=shape, dtype=dtype):
                return bench.model(name, kind, shape, dtype), bench.feeds(name, shape, dtype)

            # Results go through a whole chain, and round in each node.
            tolerance = {"f16": 0.3, "f32": 1e-3}[dtype]
            contestants = {name: lambda name=name, made=made: made(name) for name in ("phasor", "com.microsoft", "graph")}
            contestants["ai.onnx 23"] = lambda kind=kind, shape=shape, dtype=dtype: onnx_rotary(bench, kind, shape, dtype)
            yield Contest(f"RotaryEmbedding {list(shape)}", dtype, bench.CHAIN[kind], tolerance, contestants, (kind, shape))


def onnx_rotary(bench, kind, shape, dtype):
    """The chain of `com.microsoft`, of ONNX's operator."""
    from onnx import helper

    model, feeds = bench.model("com.microsoft", kind, shape, dtype), bench.feeds("com.microsoft", shape, dtype)
    for node in model.graph.node:
        # Positions are the second input there, and the last one here.
        x, positions, cos, sin = node.input
        node.CopyFrom(helper.make_node("RotaryEmbedding", [x, cos, sin, positions], list(node.output)))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 23))
    model.ir_version = 10
    return model, feeds


def pairs(small):
    """Queries and keys of one layer after the other, by one node and by two."""
    import rotary as bench

    for kind, shape in ROTARY_SMALL if small else ROTARY:
        for dtype in ("f16", "f32"):
            of_pair = [lambda name=name, kind=kind, shape=shape, dtype=dtype: pair(bench, name, kind, shape, dtype) for name in ("one", "two")]
            contestants = {"phasor": of_pair[0], "phasor, two nodes": of_pair[1]}
            yield Contest(f"RotaryEmbeddingPair {list(shape)} and {shape[1] // KEYS} heads", dtype, bench.CHAIN[kind], 0.0, contestants)


def pair(bench, name, kind, shape, dtype):
    from onnx import helper

    batch, heads, sequence, channels = shape
    shapes = {"q": shape, "k": (batch, heads // KEYS, sequence, channels)}
    nodes, values = [], {"q": "q", "k": "k"}
    for i in range(bench.CHAIN[kind]):
        to = {which: f"{which}{i}" for which in values}
        if name == "one":
            inputs = [*values.values(), "cos", "sin"]
            nodes.append(helper.make_node("RotaryEmbeddingPair", inputs, list(to.values()), domain="ai.phasor"))
        else:
            for which, value in values.items():
                nodes.append(helper.make_node("RotaryEmbedding", [value, "cos", "sin"], [to[which]], domain="ai.phasor"))
        values = to
    element = bench.TYPES[dtype][1]
    inputs = [helper.make_tensor_value_info(which, element, of) for which, of in shapes.items()]
    inputs += [helper.make_tensor_value_info(table, element, (1, 1, sequence, channels // 2)) for table in ("cos", "sin")]
    outputs = [helper.make_tensor_value_info(value, element, shapes[which]) for which, value in values.items()]
    graph = helper.make_graph(nodes, "pairs", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.phasor", 1)], ir_version=8)
    of_q, of_k = (bench.feeds("phasor", of, dtype) for of in shapes.values())
    return model, {"q": of_q["x"], "k": of_k["x"], "cos": of_q["cos"], "sin": of_q["sin"]}


def biases(small):
    import numpy as np
    import relative_bias as bench
    from onnx import TensorProto, helper

    length, count = (16, 2) if small else (2048, 4)
    shape = ("", np.arange(length), np.arange(length), HEADS)
    lut = helper.make_tensor("lut", TensorProto.INT64, [2 * bench.REACH + 1], bench.buckets())
    sizes = helper.make_tensor("length", TensorProto.INT64, [1], [length])
    theirs = {"max_distance": bench.REACH, "is_bidirectional": 1}
    for kind in ("relative", "alibi"):
        for dtype, (element, held) in bench.TYPES.items():

            def feeds(kind=kind, held=held):
                table = np.random.default_rng(1).standard_normal((bench.BUCKETS, HEADS) if kind == "relative" else (HEADS,)).astype(held)
                of_one = {"q": np.arange(length), "k": np.arange(length), "t": table}
                return {f"{name}{k}": value for k in range(count) for name, value in of_one.items()}

            def graph(kind=kind, element=element, feeds=feeds):
                return bench.model(kind, "graph", element, shape, count, None), feeds()

            def one_node(operator, inputs, constants, domain, attributes, graph=graph):
                """The graph's model with a node in place of each bias."""
                model, given = graph()
                del model.graph.node[:], model.graph.initializer[:]
                model.graph.initializer.extend(constants)
                for k in range(count):
                    names = [name.format(k=k) for name in inputs]
                    node = helper.make_node(operator, names, [f"bias{k}"], domain=domain, name=f"n{k}", **attributes)
                    model.graph.node.append(node)
                if domain != "ai.phasor":
                    model.opset_import.append(helper.make_opsetid(domain, 1))
                return model, given

            if kind == "relative":
                operator = "RelativePositionBias"
                contestants = {
                    "phasor": lambda n=one_node, o=operator: n(o, ["t{k}", "lut", "q{k}", "k{k}"], [lut], "ai.phasor", {}),
                    "com.microsoft": lambda n=one_node, o=operator: n(o, ["t{k}", "length", "length"], [sizes], "com.microsoft", theirs),
                }
            else:
                operator = "AlibiBias"
                contestants = {"phasor": lambda n=one_node, o=operator: n(o, ["t{k}", "q{k}", "k{k}"], [], "ai.phasor", {})}
            contestants["graph"] = graph
            yield Contest(f"{operator} [1, {HEADS}, {length}, {length}]", dtype, count, {"f16": 1e-3, "f32": 1e-5}[dtype], contestants)


def gathers(small):
    import numpy as np
    import relative_gather as bench

    matrices, length, count = (2, 16, 2) if small else (96, 512, 8)
    for kind in ("c2p", "p2c"):
        for dtype in (np.float16, np.float32):

            def made(name, kind=kind, dtype=dtype):
                case = bench.Case(kind, matrices, length, length, dtype, count)
                return case.model({"phasor": case.phasor, "GatherElements": case.gather_alone, "graph": case.graph}[name])

            contestants = {name: lambda name=name, made=made: made(name) for name in ("phasor", "GatherElements", "graph")}
            yield Contest(f"RelativeGather {kind} [{matrices}, {length}, {length}]", bench.ELEMENTS[dtype][0], count, 0.0, contestants)


def tables(small):
    import numpy as np
    import rotary_table
    import sinusoidal
    from onnx import TensorProto

    count = 2 if small else 16
    for length in (1, 8) if small else (1, 4096):

        def table(name, length=length):
            return rotary_table.table_model(name, (1, length), 64, count), rotary_table.table_feeds(name, (1, length), 64, count)

        contestants = {name: lambda name=name, table=table: table(name) for name in ("phasor", "phasor precise", "graph")}
        # The angles of the graph are rounded, those of precise ones are not.
        yield Contest(f"RotaryTable [1, {length}, 64]", "f32", count, 1e-3, contestants)
    for shape, width, kind in [((4,), 32, "float"), ((1, 8), 32, "int64")] if small else [((64,), 320, "float"), ((4096,), 1024, "int64")]:

        def embedding(name, shape=shape, width=width, kind=kind):
            model = sinusoidal.model(name, shape, width, kind, 0, TensorProto.FLOAT, count)
            return model, sinusoidal.feeds(name, shape, width, kind, np.float32, count)

        contestants = {name: lambda name=name, embedding=embedding: embedding(name) for name in ("phasor", "phasor precise", "graph")}
        yield Contest(f"SinusoidalEmbedding {[*shape, width]} of {kind}", "f32", count, 1e-3, contestants)
