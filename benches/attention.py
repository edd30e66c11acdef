#!/usr/bin/env python3
"""Attention of the operator library against the operators of ONNX Runtime.

    python benches/attention.py [--ops PATH] [--rounds N] [--only TEXT] [--json]

Rivals are `GroupQueryAttention` and `MultiHeadAttention` of com.microsoft, `Attention` of opset 24, and the operator's own function
body, which ONNX Runtime runs without the library (`body`). With a past the operator is `CachedAttention`; `apart` is `Attention` behind the two
Concat that copy the past. All take the same tensors as a model has them: queries, keys and values
of the new tokens with the heads last, and past keys and values with the heads first; all give the new state of these and the
output with the heads last. Around `phasor`, `apart` and `body` stand the nodes that this takes: Reshape, Transpose, and but for `phasor`
Concat. `around` is these alone, most of all the copy of the past that every contestant makes; `node` is `Attention` alone, on tensors that
are already so.

* `decode` adds one token to the past. No key is masked.
* `prefill` has no past, and a causal mask: the rivals know it is causal by an attribute, the operator has the mask as an input and the
  promise in `causal`.
* `encoder` has no mask, and as many key heads as heads.

How contestants are measured is said in `rotary_table.py`, but that on one thread what counts is the processor's time, as in
`relative_gather.py`. Needs onnxruntime, onnx, numpy and the operator library (`cargo build --release -p phasor-ops`), and for `body` the program
that prints bodies (`cargo build --release -p phasor-ops --example function_body`).
"""
import argparse
import json
import sys

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from relative_gather import ELEMENTS, Timed
    from rotary_table import ROOT, Contestant, rate

# name, batch, heads, key heads, channels, new tokens, past tokens
SHAPES = [
    ("decode 512", 1, 16, 4, 64, 1, 512),
    ("decode 2048", 1, 16, 4, 64, 1, 2048),
    ("decode 2048, batch of 4", 4, 16, 4, 64, 1, 2048),
    ("decode 4096, Llama 8B", 1, 32, 8, 128, 1, 4096),
    ("decode 512, no sharing", 1, 12, 12, 64, 1, 512),
    ("prefill 512", 1, 16, 4, 64, 512, 0),
    ("prefill 2048", 1, 16, 4, 64, 2048, 0),
    ("encoder 128", 1, 12, 12, 64, 128, 0),
    ("encoder 512", 1, 12, 12, 64, 512, 0),
]


class Case:
    """One shape: the models of all contestants, and their inputs."""

    def __init__(self, name, batch, heads, key_heads, channels, new, past, dtype):
        self.kind, self.dtype = name.split()[0], dtype
        self.sizes = batch, heads, key_heads, channels, new, past
        self.element = ELEMENTS[dtype][1]
        random = np.random.default_rng(1)

        def numbers(*shape):
            return random.standard_normal(shape).astype(dtype)

        self.feeds = {
            "q": numbers(batch, new, heads * channels),
            "k": numbers(batch, new, key_heads * channels),
            "v": numbers(batch, new, key_heads * channels),
        }
        if past:
            self.feeds |= {n: numbers(batch, key_heads, past, channels) for n in ("past_k", "past_v")}
        self.cached = self.kind != "encoder"
        self.scale = channels**-0.5

    def model(self, nodes, outputs, feeds, constants=(), opset=17):
        kinds = {np.dtype(np.int32): TensorProto.INT32, np.dtype(bool): TensorProto.BOOL}
        values = {n: helper.make_tensor_value_info(n, kinds.get(v.dtype, self.element), v.shape) for n, v in feeds.items()}
        batch, heads, key_heads, channels, new, past = self.sizes
        shapes = {
            "y": (batch, new, heads * channels),
            "heads_first": (batch, heads, new, channels),
            "new_k": (batch, key_heads, past + new, channels),
            "new_v": (batch, key_heads, past + new, channels),
        }
        outputs = [helper.make_tensor_value_info(n, self.element, shapes[n]) for n in outputs]
        made = [numpy_helper.from_array(np.asarray(v), n) for n, v in dict(constants).items()]
        graph = helper.make_graph(nodes, "attention", list(values.values()), outputs, made)
        imports = [("", opset), ("ai.phasor", 1), ("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=[helper.make_opsetid(*i) for i in imports], ir_version=10), feeds

    def outputs(self):
        return ["y", "new_k", "new_v"] if self.cached else ["y"]

    def mask(self):
        new = self.sizes[4]
        return np.tril(np.ones((1, 1, new, new), bool)) if self.kind == "prefill" else np.array([True])

    def node(self, names, output):
        return helper.make_node(
            "Attention", [*names, "bias", "mask"], [output], domain="ai.phasor", scale=self.scale, causal=int(self.cached)
        )

    def phasor(self):
        """The operator, with the nodes around it that a model has."""
        return self.surrounded(cached=self.sizes[5] > 0)

    def surrounded(self, attends=True, cached=False):
        """The operator, with the nodes around it that a model has; or these alone."""
        batch, heads, key_heads, channels, new, past = self.sizes
        nodes, constants = [], {"bias": np.zeros(1, self.dtype)}
        names = []
        for name, count in (("q", heads), ("k", key_heads), ("v", key_heads)):
            constants[f"{name}_shape"] = np.array([batch, new, count, channels])
            kept = name != "q" and self.cached
            turned = f"new_{name}" if kept and not past else f"{name}_turned"
            nodes.append(helper.make_node("Reshape", [name, f"{name}_shape"], [f"{name}_heads"]))
            nodes.append(helper.make_node("Transpose", [f"{name}_heads"], [turned], perm=[0, 2, 1, 3]))
            if kept and past and not cached:
                nodes.append(helper.make_node("Concat", [f"past_{name}", turned], [f"new_{name}"], axis=2))
                turned = f"new_{name}"
            names.append(turned)
        if cached:
            inputs = [*names, "bias", "mask", "past_k", "past_v"]
            outputs = ["attended", "new_k", "new_v"]
            traits = dict(domain="ai.phasor", scale=self.scale, causal=1)
            nodes.append(helper.make_node("CachedAttention", inputs, outputs, **traits))
        elif attends:
            nodes.append(self.node(names, "attended"))
        constants["y_shape"] = np.array([batch, new, heads * channels])
        nodes.append(helper.make_node("Transpose", ["attended" if attends else names[0]], ["y_heads"], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", ["y_heads", "y_shape"], ["y"]))
        feeds = {**self.feeds, "mask": self.mask()} if attends else self.feeds
        return self.model(nodes, self.outputs(), feeds, constants)

    def around(self):
        """The nodes around the operator alone."""
        return self.surrounded(attends=False)

    def alone(self):
        """The operator alone."""
        batch, heads, key_heads, channels, new, past = self.sizes
        random = np.random.default_rng(2)
        shapes = {"q": (heads, new), "k": (key_heads, past + new), "v": (key_heads, past + new)}
        feeds = {n: random.standard_normal((batch, *s, channels)).astype(self.dtype) for n, s in shapes.items()}
        feeds["mask"] = self.mask()
        constants = {"bias": np.zeros(1, self.dtype)}
        return self.model([self.node(["q", "k", "v"], "heads_first")], ["heads_first"], feeds, constants)

    def grouped(self):
        """GroupQueryAttention."""
        batch, heads, key_heads, _, new, past = self.sizes
        pasts = ["past_k", "past_v"] if past else ["", ""]
        lengths = {"seqlens": np.full(batch, past + new - 1, np.int32), "total": np.array(past + new, np.int32)}
        node = helper.make_node(
            "GroupQueryAttention",
            ["q", "k", "v", *pasts, "seqlens", "total"],
            ["y", "new_k", "new_v"],
            domain="com.microsoft",
            num_heads=heads,
            kv_num_heads=key_heads,
            scale=self.scale,
        )
        return self.model([node], self.outputs(), self.feeds, lengths)

    def multi_head(self):
        """MultiHeadAttention."""
        node = helper.make_node(
            "MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=self.sizes[1], scale=self.scale
        )
        return self.model([node], self.outputs(), self.feeds)

    def standard(self):
        """Attention of opset 24."""
        _, heads, key_heads, _, _, past = self.sizes
        inputs = ["q", "k", "v"] + (["", "past_k", "past_v"] if past else [])
        node = helper.make_node(
            "Attention",
            inputs,
            self.outputs(),
            q_num_heads=heads,
            kv_num_heads=key_heads,
            scale=self.scale,
            is_causal=int(self.cached),
        )
        return self.model([node], self.outputs(), self.feeds, opset=24)

    def contestant(self, make, threads, library):
        proto, feeds = make()
        kind = Timed if threads == 1 else Contestant
        return kind(proto, feeds, self.dtype, threads, library, 1)


def body(proto, function):
    """The model with the operator's function in place of its kernel: under another domain, which the library does not have."""
    for node in [*proto.graph.node, function]:
        if node.domain == "ai.phasor":
            node.domain = "ai.phasor.body"
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid("ai.phasor.body", 1))
    return proto


def function_of(case, program):
    """The operator's function for a case, as `program` prints it."""
    sys.path.insert(0, str(ROOT / "tests" / "ort"))
    import subprocess

    from common import function, use

    _, heads, key_heads, *_ = case.sizes
    kind = {np.float32: "float", np.float16: "float16"}[case.dtype]
    traits = {"x": kind, "heads": heads, "key_heads": key_heads, "scale": case.scale, "bias": 0}
    if case.kind != "prefill":
        traits["mask"] = 1
    printed = subprocess.run([program, "Attention", "17", use(**traits)], check=True, capture_output=True, text=True)
    return function(json.loads(printed.stdout), 17)


def measure(shape, dtype, threads, library, program, rounds):
    case = Case(*shape, dtype)
    makes = {"phasor": case.phasor, "node": case.alone, "around": case.around}
    if program:
        makes["body"] = lambda: (lambda made: (body(made[0], function_of(case, program)), made[1]))(case.surrounded())
    if shape[6]:
        makes["apart"] = case.surrounded
    if case.kind == "encoder" and dtype == np.float32:
        makes["MHA"] = case.multi_head
    if case.kind != "encoder":
        makes["GQA"] = case.grouped
    makes["Attention-24"] = case.standard
    contestants = {n: case.contestant(make, threads, library) for n, make in makes.items()}
    wanted = contestants["phasor"].run()[0].astype(np.float64)
    for name, contestant in contestants.items():
        if name not in ("node", "around"):
            error = np.abs(contestant.run()[0] - wanted).max()
            assert error < (2e-5 if dtype == np.float32 else 1e-2), (name, error)
    return rate(contestants, 1 if shape[5] > 1 else 5, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=str(ROOT / "target" / "release" / "libphasor_ops.so"))
    parser.add_argument("--function-body", help="the program that prints function bodies (an example of phasor-ops), for `body`")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--types", default="f32", help="f32, f16, or both")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    needs.built(args.ops, needs.LIBRARY, "--ops")
    if args.function_body:
        args.function_body = needs.built(args.function_body, needs.BODIES, "--function-body")
    rivals = ["apart", "body", "GQA", "MHA", "Attention-24"]
    if not args.json:
        print(f"onnxruntime {ort.__version__}, {args.rounds} rounds, microseconds (fastest round); ratios: fastest, median\n")
        columns = ["shape", "type", "threads", "Phasor", "node", "around", *rivals, *(f"{r} / Phasor" for r in rivals)]
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for shape in SHAPES:
        for dtype, (label, _) in ELEMENTS.items():
            for threads in args.threads if args.only in shape[0] and label in args.types else ():
                t = measure(shape, dtype, threads, args.ops, args.function_body, args.rounds)
                columns = [shape[0], label, threads]
                if args.json:
                    print(json.dumps({"columns": columns, "microseconds": t}), flush=True)
                    continue
                times = [f"{t[n][0]:.4g}" if n in t else "" for n in ("phasor", "node", "around", *rivals)]
                ratios = [", ".join(f"{t[n][i] / t['phasor'][i]:.2f}" for i in (0, 1)) if n in t else "" for n in rivals]
                print(f"| {' | '.join(map(str, [*columns, *times, *ratios]))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
