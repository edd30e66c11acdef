#!/usr/bin/env python3
"""RelativeGather of the operator library against the graphs that exporters write, and against a copy of as many bytes.

    python benches/relative_gather.py [--ops PATH] [--rounds N] [--only TEXT] [--json]

* `c2p` and `p2c` are DeBERTa's: a bucket for every query and key is there (all layers share it), and each layer has Add, Clip,
  Squeeze, Expand and GatherElements, for `p2c` Neg before and Transpose after. `gather` has GatherElements (and Transpose) alone, its
  indices expanded beforehand: a layer that shares all the rest with others.
* `shift` is Transformer-XL's and the Conformer's: a column of zeros, Reshape, Slice, Reshape, Slice. There the operator's lookup table
  is no constant, as in models whose length may vary.
* `copy` copies as many bytes as the output has, from as many: what the memory allows, since every contestant reads scores too.

How contestants are measured is said in `rotary_table.py`, but that on one thread what counts is the processor's time: a round on large
tensors takes longer than a turn of the scheduler, so that none would be without other load. Small nodes are measured several to a
model, each with inputs of its own.

Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`).
"""
import argparse
import json
import sys
import time

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from rotary_table import IMPORTS, ROOT, Contestant, rate

ELEMENTS = {np.float32: ("f32", TensorProto.FLOAT), np.float16: ("f16", TensorProto.FLOAT16)}
# Buckets of one direction, and the distance at which they end, of DeBERTa v2 and v3.
SPAN, REACH = 256, 512
# kind, name, matrices, queries, keys
SHAPES = [
    ("c2p", "batch of 8", 96, 512, 512),
    ("c2p", "one sentence", 12, 128, 128),
    ("c2p", "one query", 12, 1, 512),
    ("p2c", "batch of 8", 96, 512, 512),
    ("p2c", "one sentence", 12, 128, 128),
    ("p2c", "one query", 12, 1, 512),
    ("shift", "batch of 8", 64, 512, 512),
    ("shift", "one utterance", 8, 256, 256),
    ("shift", "short", 8, 64, 64),
]


def buckets(distance):
    """DeBERTa's."""
    middle = SPAN // 2
    size = np.abs(distance)
    far = np.ceil(np.log(np.maximum(size, 1) / middle) / np.log((REACH - 1) / middle) * (middle - 1)) + middle
    return np.where(size <= middle, distance, np.sign(distance) * far).astype(np.int64)


class Timed(Contestant):
    """A contestant that is measured by the processor's time."""

    def measure(self, repeats):
        begin = time.process_time_ns()
        for _ in range(repeats):
            self.session.run_with_iobinding(self.binding)
        self.times.append((time.process_time_ns() - begin) / repeats / self.nodes / 1000)


class Case:
    """One kind and shape: the models of all contestants, and their inputs, `count` nodes each."""

    def __init__(self, kind, matrices, queries, keys, dtype, count):
        self.count = count
        self.kind, self.element = kind, ELEMENTS[dtype][1]
        self.output = [matrices, queries, keys]
        rows = keys if kind == "p2c" else queries
        width = 2 * SPAN if kind != "shift" else queries + keys - 1
        random = np.random.default_rng(1)
        self.feeds = {
            "scores": random.standard_normal((matrices, rows, width)).astype(dtype),
            "query_positions": np.arange(queries) + keys - queries,
            "key_positions": np.arange(keys),
        }
        distance = np.arange(-REACH, REACH + 1)
        self.constants = {}
        if kind == "shift":
            # Both count from 0 there; the width is that of distances from the last query's to the last key's.
            self.feeds["query_positions"] = np.arange(queries)
            self.lut = np.arange(width)
        else:
            # Of queries from keys: buckets of the distance from the key to the query.
            self.lut = np.clip((buckets(-distance) if kind == "c2p" else buckets(distance)) + SPAN, 0, 2 * SPAN - 1)
        self.nodes = []

    def value(self, name, array):
        self.constants[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def add(self, op_type, inputs, output, **attributes):
        """`count` nodes; what is no constant has a number behind its name."""
        for k in range(self.count):
            numbered = [name if name in self.constants else f"{name}{k}" for name in inputs]
            self.nodes.append(helper.make_node(op_type, numbered, [f"{output}{k}"], **attributes))
        return output

    def phasor(self):
        lut = "lut" if self.kind == "shift" else self.value("table", self.lut)
        names = ["scores", lut, "query_positions", "key_positions"]
        self.add("RelativeGather", names, "output", domain="ai.phasor", by_key=int(self.kind == "p2c"))
        return {**self.feeds, "lut": self.lut}

    def graph(self):
        if self.kind == "shift":
            return self.shift()
        keys, queries = self.feeds["key_positions"], self.feeds["query_positions"]
        if self.kind == "p2c":
            # Its matrices are square in models: the distances are those of keys from queries, a row a key.
            relative = buckets(keys[:, None] - queries[None])
            at = self.add("Neg", ["relative"], "turned")
            relative = -relative
        else:
            relative = buckets(queries[:, None] - keys[None])
            at = "relative"
        at = self.add("Add", [at, self.value("span", SPAN)], "moved")
        at = self.add("Clip", [at, self.value("least", 0), self.value("most", 2 * SPAN - 1)], "clipped")
        at = self.add("Squeeze", [at, self.value("first", [0])], "squeezed")
        at = self.add("Expand", [at, self.value("shape", [self.output[0], *relative.shape])], "expanded")
        self.gather(at)
        return {"scores": self.feeds["scores"], "relative": relative[None, None]}

    def gather_alone(self):
        keys, queries = self.feeds["key_positions"], self.feeds["query_positions"]
        slots = np.clip(keys[None] - queries[:, None], -REACH, REACH) + REACH
        indices = self.lut[slots.T if self.kind == "p2c" else slots]
        self.gather("indices")
        indices = np.ascontiguousarray(np.broadcast_to(indices, (self.output[0], *indices.shape)))
        return {"scores": self.feeds["scores"], "indices": indices}

    def gather(self, indices):
        if self.kind == "p2c":
            self.add("GatherElements", ["scores", indices], "gathered", axis=-1)
            self.add("Transpose", ["gathered"], "output", perm=[0, 2, 1])
        else:
            self.add("GatherElements", ["scores", indices], "output", axis=-1)

    def shift(self):
        matrices, queries, keys = self.output
        width = queries + keys - 1
        zeros = self.value("zeros", np.zeros((matrices, queries, 1), self.feeds["scores"].dtype))
        at = self.add("Concat", [zeros, "scores"], "padded", axis=-1)
        at = self.add("Reshape", [at, self.value("tall", [matrices, width + 1, queries])], "reshaped")
        ends = [self.value(n, [v]) for n, v in (("one", 1), ("end", np.iinfo(np.int64).max), ("axis", 1))]
        at = self.add("Slice", [at, *ends], "cut")
        at = self.add("Reshape", [at, self.value("wide", [matrices, queries, width])], "back")
        self.add("Slice", [at, *(self.value(n, [v]) for n, v in (("from", 0), ("keys", keys), ("last", 2)))], "output")
        return {"scores": self.feeds["scores"]}

    def model(self, make):
        """The model of what `make` adds, and its inputs."""
        self.nodes, self.constants = [], {}
        feeds = {f"{name}{k}": value for name, value in make().items() for k in range(self.count)}
        used = {name for node in self.nodes for name in node.input}
        feeds = {name: value for name, value in feeds.items() if name in used}
        kinds = {np.dtype(np.int64): TensorProto.INT64}
        inputs = [helper.make_tensor_value_info(n, kinds.get(v.dtype, self.element), v.shape) for n, v in feeds.items()]
        outputs = [helper.make_tensor_value_info(f"output{k}", self.element, self.output) for k in range(self.count)]
        # In the order of layers, not of steps.
        order = sorted(self.nodes, key=lambda node: int(node.output[0][len(node.output[0].rstrip("0123456789")) :]))
        graph = helper.make_graph(order, "gather", inputs, outputs, list(self.constants.values()))
        return helper.make_model(graph, opset_imports=IMPORTS, ir_version=8), feeds

    def contestant(self, make, threads, library):
        """A session of what `make` adds."""
        proto, feeds = self.model(make)
        return (Timed if threads == 1 else Contestant)(proto, feeds, self.feeds["scores"].dtype, threads, library, self.count)


class Copy(Timed):
    """A copy of as many bytes as an output has, on one thread."""

    def __init__(self, shape, dtype):
        # At an address as ONNX Runtime's tensors have.
        both = [ort.OrtValue.ortvalue_from_numpy(np.ones(shape, dtype)) for _ in range(2)]
        self.source, self.target = (value.numpy() for value in both)
        self.held, self.nodes, self.times = both, 1, []
        self.session = self

    binding = None

    def run_with_iobinding(self, _):
        np.copyto(self.target, self.source)


def measure(kind, matrices, queries, keys, dtype, threads, library, rounds):
    elements = matrices * queries * keys
    count = 16 if elements < 1 << 16 else 1
    case = Case(kind, matrices, queries, keys, dtype, count)
    makes = {"phasor": case.phasor, "graph": case.graph}
    if kind != "shift":
        makes["gather"] = case.gather_alone
    contestants = {n: case.contestant(make, threads, library) for n, make in makes.items()}
    wanted = contestants["graph"].run()[0]
    for name, contestant in contestants.items():
        assert np.array_equal(contestant.run()[0], wanted), name
    contestants["copy"] = Copy(case.output, dtype)
    return rate(contestants, max(1, (1 << 18) // (elements * count)), rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--only", default="", help="kinds and shapes whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    if not args.json:
        print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds a node (fastest round); ratios: fastest, median\n")
        print("| kind | output | type | threads | Phasor | graph | gather | copy | graph / Phasor | gather / Phasor | copy / Phasor |")
        print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind, name, *sizes in SHAPES:
        for dtype in ELEMENTS if args.only in f"{kind}, {name}" else ():
            for threads in (1, 2):
                t = measure(kind, *sizes, dtype, threads, args.ops, args.rounds)
                columns = [f"{kind}, {name}", sizes, ELEMENTS[dtype][0], threads]
                if args.json:
                    print(json.dumps({"columns": columns, "microseconds": t}), flush=True)
                    continue
                rivals = ("graph", "gather", "copy")
                times = [f"{t[n][0]:.3g}" if n in t else "" for n in ("phasor", *rivals)]
                ratios = [", ".join(f"{t[n][i] / t['phasor'][i]:.2f}" for i in (0, 1)) if n in t else "" for n in rivals]
                print(f"| {' | '.join(map(str, [*columns, *times, *ratios]))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
