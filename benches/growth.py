#!/usr/bin/env python3
"""How time and memory of `phasor fuse --no-verify` grow with the model, one family of models at a time.

    python3 benches/growth.py [--phasor PATH] [--repeat N] [--most EXPONENT] [NAME ...]

Every family is a graph of one kind with a size n: as many rotations, bodies, functions, calls or nodes. Each is written at n, 2n and 4n,
times `--scale`. The exponent is log2 of the ratio of the CPU times at 4n and at 2n, the time of a model of one rotation taken off both;
n log n gives 1.1. CPU time and not the clock's: other work on the machine moves the latter. With `--most` it ends with 1 where a family
that takes at least a second at 4n has a larger exponent.

Needs numpy, onnx and the program (`cargo build --release`); Linux.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import needs

with needs.packages("numpy", "onnx"):
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTH = 8
FREQUENCIES = (10000.0 ** (-np.arange(WIDTH // 2) / (WIDTH // 2))).astype(np.float32)
# Beyond this, twice the size is not tried.
PATIENCE = 120
# Runs a command and prints its CPU seconds and largest resident set in kB. By a process of its own, as a child begins with the size
# of the process that starts it, and this one is larger than what is measured.
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Graph:
    """Nodes and what they read; names are numbers."""

    def __init__(self, prefix="v"):
        self.prefix, self.count = prefix, 0
        self.nodes, self.initializers, self.inputs, self.outputs, self.functions = [], [], [], [], []

    def fresh(self):
        self.count += 1
        return f"{self.prefix}{self.count}"

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, dtype=TensorProto.FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, dtype, None))

    def constant(self, array):
        name = self.fresh()
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def node(self, op, inputs, outputs=1, domain="", **attributes):
        names = [self.fresh() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name="n" + names[0], domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def tables(self, positions, frequencies=FREQUENCIES):
        angle = self.node("Mul", [self.node("Unsqueeze", [positions, self.ints(1, 3)]), self.constant(frequencies)])
        both = self.node("Concat", [angle, angle], axis=-1)
        return self.node("Cos", [both]), self.node("Sin", [both])

    def rotated(self, x, cos, sin, sign=-1):
        low = self.node("Slice", [x, self.ints(0), self.ints(WIDTH // 2), self.ints(-1)])
        high = self.node("Slice", [x, self.ints(WIDTH // 2), self.ints(2**62), self.ints(-1)])
        high = self.node("Neg", [high]) if sign < 0 else high
        turned = self.node("Concat", [high, low], axis=-1)
        return self.node("Add", [self.node("Mul", [x, cos]), self.node("Mul", [turned, sin])])

    def body(self):
        """The nodes with the constants among them, as functions need them."""
        constants = [helper.make_node("Constant", [], [t.name], value=t) for t in self.initializers]
        return constants + self.nodes

    def model(self):
        graph = helper.make_graph(self.nodes, "graph", self.inputs, self.outputs, self.initializers)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=self.functions)


def start():
    """A graph, its tensor, and its positions as floats."""
    g = Graph()
    x = g.input("x", TensorProto.FLOAT, ["batch", 2, "sequence", WIDTH])
    p = g.input("positions", TensorProto.INT64, ["batch", "sequence"])
    return g, x, g.node("Cast", [p], to=TensorProto.FLOAT)


def rotations(n):
    """Rotations that read one table."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for _ in range(n):
        x = g.node("Relu", [x])
        g.output(g.rotated(x, cos, sin))
    return g


def tables(n):
    """Rotations with frequencies of their own."""
    g, x, p = start()
    for k in range(n):
        x = g.node("Relu", [x])
        g.output(g.rotated(x, *g.tables(p, FREQUENCIES * np.float32(1 + k / 4096))))
    return g


def rotations_in_a_row(n):
    """Rotations of what the one before has rotated."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for _ in range(n):
        x = g.rotated(x, cos, sin)
    g.output(x)
    return g


def rotations_of_one(n):
    """Rotations of one tensor by tables of their own."""
    g, x, p = start()
    for k in range(n):
        g.output(g.rotated(x, *g.tables(p, FREQUENCIES * np.float32(1 + k / 4096))))
    return g


def sums(n):
    """A rotation, and sums that add a tensor to it again and again."""
    g, x, p = start()
    y = g.rotated(x, *g.tables(p))
    for _ in range(n):
        y = g.node("Add", [y, x])
    g.output(y)
    return g


def doubled(n):
    """A rotation that is added to itself again and again."""
    g, x, p = start()
    y = g.rotated(x, *g.tables(p))
    for _ in range(n):
        y = g.node("Add", [y, y])
    g.output(y)
    return g


def added_products(n):
    """A rotation, and products with its cosines added to it."""
    g, x, p = start()
    cos, sin = g.tables(p)
    y = g.rotated(x, cos, sin)
    for _ in range(n):
        y = g.node("Add", [y, g.node("Mul", [x, cos])])
    g.output(y)
    return g


def products(n):
    """A rotation, and products of it with its cosines, one on the other."""
    g, x, p = start()
    cos, sin = g.tables(p)
    y = g.rotated(x, cos, sin)
    for _ in range(n):
        y = g.node("Mul", [y, cos])
    g.output(y)
    return g


def residuals(n):
    """Rotations that are each added to what came before."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for _ in range(n):
        x = g.node("Add", [x, g.rotated(x, cos, sin)])
    g.output(x)
    return g


def misses(n):
    """Rotations with a wrong sign."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for _ in range(n):
        x = g.node("Relu", [x])
        g.output(g.rotated(x, cos, sin, sign=1))
    return g


def unknowns(n):
    """Rotations by what an operator that nobody knows makes of the angles."""
    g, x, p = start()
    cos, sin = (g.node("Mystery", [table], domain="unknown") for table in g.tables(p))
    for _ in range(n):
        x = g.node("Relu", [x])
        g.output(g.rotated(x, cos, sin))
    return g


def mysteries(n):
    """A chain of operators that nobody knows, between the angles and a rotation."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for _ in range(n):
        cos, sin = (g.node("Mystery", [table], domain="unknown") for table in (cos, sin))
    g.output(g.rotated(x, cos, sin))
    return g


def slices(n):
    """A chain of slices and gathers before a rotation."""
    g, x, p = start()
    for _ in range(n // 2):
        x = g.node("Slice", [x, g.ints(0), g.ints(2**62), g.ints(-1)])
        x = g.node("Gather", [x, g.ints(*range(WIDTH - 1, -1, -1))], axis=3)
    g.output(g.rotated(x, *g.tables(p)))
    return g


def pieces(n):
    """One tensor split into heads, each of them rotated, and all joined."""
    g, _, p = start()
    x = g.input("wide", TensorProto.FLOAT, ["batch", 2, "sequence", WIDTH * n])
    cos, sin = g.tables(p)
    heads = g.node("Split", [x], outputs=n, axis=3)
    g.output(g.node("Concat", [g.rotated(head, cos, sin) for head in heads], axis=1))
    return g


def readers(n):
    """Nodes that read one rotated tensor."""
    g, x, p = start()
    y = g.rotated(x, *g.tables(p))
    for _ in range(n):
        g.output(g.node("Relu", [y]))
    return g


def initializers(n):
    """Constants, each of them read by one node, and as many that nothing reads."""
    g, x, p = start()
    for k in range(n):
        x = g.node("Add", [x, g.constant(np.full(WIDTH, k, np.float32))])
        g.ints(k)
    g.output(g.rotated(x, *g.tables(p)))
    return g


def symbols(n):
    """Rotations of tensors whose sizes all differ."""
    g, _, _ = start()
    for k in range(n):
        x = g.input(f"x{k}", TensorProto.FLOAT, [f"batch{k}", 2, f"sequence{k}", WIDTH])
        p = g.input(f"p{k}", TensorProto.INT64, [f"batch{k}", f"sequence{k}"])
        g.output(g.rotated(x, *g.tables(g.node("Cast", [p], to=TensorProto.FLOAT))))
    return g


def sizes(n):
    """Tensors joined one after the other along an axis of a size with a name: sums of sizes."""
    g, x, p = start()
    cos, sin = g.tables(p)
    whole = g.rotated(x, cos, sin)
    for k in range(n):
        part = g.input(f"x{k}", TensorProto.FLOAT, ["batch", 2, f"sequence{k}", WIDTH])
        whole = g.node("Concat", [whole, part], axis=2)
    g.output(whole)
    return g


def branch(make, name):
    """A graph that reads values from outside."""
    inner = Graph(name)
    result = make(inner)
    output = helper.make_tensor_value_info(result, TensorProto.FLOAT, ["batch", 2, "sequence", WIDTH])
    return helper.make_graph(inner.nodes, name, [], [output], inner.initializers)


def bodies(n):
    """`If` nodes with a rotation in one branch."""
    g, x, p = start()
    cos, sin = g.tables(p)
    condition = g.input("condition", TensorProto.BOOL, [])
    for k in range(n):
        then = branch(lambda b: b.rotated(x, cos, sin), f"then{k}_")
        other = branch(lambda b: b.node("Identity", [x]), f"else{k}_")
        x = g.node("If", [condition], then_branch=then, else_branch=other)
    g.output(x)
    return g


def tables_in_bodies(n):
    """`If` nodes with a rotation and its angles in one branch."""
    g, x, p = start()
    condition = g.input("condition", TensorProto.BOOL, [])
    for k in range(n):
        scale = np.float32(1 + k / 4096)
        then = branch(lambda b: b.rotated(x, *b.tables(p, FREQUENCIES * scale)), f"then{k}_")
        other = branch(lambda b: b.node("Identity", [x]), f"else{k}_")
        x = g.node("If", [condition], then_branch=then, else_branch=other)
    g.output(x)
    return g


def nesting(n):
    """`If` nodes inside one another, with a rotation in each."""
    g, x, p = start()
    cos, sin = g.tables(p)
    condition = g.input("condition", TensorProto.BOOL, [])

    def at(depth):
        def make(b):
            y = b.rotated(x, cos, sin)
            if depth == n:
                return y
            other = branch(lambda c: c.node("Identity", [y]), f"else{depth}_")
            return b.node("If", [condition], then_branch=at(depth + 1), else_branch=other)

        return branch(make, f"then{depth}_")

    other = branch(lambda b: b.node("Identity", [x]), "else_")
    g.output(g.node("If", [condition], then_branch=at(1), else_branch=other))
    return g


def function(name, make):
    """A function of a tensor and two tables."""
    inner = Graph("f")
    result = make(inner)
    nodes = inner.body() + [helper.make_node("Identity", [result], ["y"])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["x", "cos", "sin"], ["y"], nodes, opsets)


def functions(n):
    """Functions with a rotation, each of them called once."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for k in range(n):
        g.functions.append(function(f"F{k}", lambda b: b.rotated(b.node("Relu", ["x"]), "cos", "sin")))
        x = g.node("Relu", [g.node(f"F{k}", [x, cos, sin], domain="local")])
    g.output(x)
    return g


def calls(n):
    """Calls of one function."""
    g, x, p = start()
    cos, sin = g.tables(p)
    g.functions.append(function("F", lambda b: b.rotated(b.node("Relu", ["x"]), "cos", "sin")))
    for _ in range(n):
        x = g.node("Relu", [g.node("F", [x, cos, sin], domain="local")])
    g.output(x)
    return g


def calls_in_calls(n):
    """Functions that call one another in a chain, with a rotation in each."""
    g, x, p = start()
    cos, sin = g.tables(p)
    for k in range(n):
        def make(b):
            y = b.rotated(b.node("Relu", ["x"]), "cos", "sin")
            return b.node(f"F{k - 1}", [y, "cos", "sin"], domain="local") if k else y

        g.functions.append(function(f"F{k}", make))
    g.output(g.node(f"F{n - 1}", [x, cos, sin], domain="local"))
    return g


def functions_in_bodies(n):
    """`If` nodes that call functions."""
    g, x, p = start()
    cos, sin = g.tables(p)
    condition = g.input("condition", TensorProto.BOOL, [])
    for k in range(n):
        g.functions.append(function(f"F{k}", lambda b: b.rotated(b.node("Relu", ["x"]), "cos", "sin")))
        then = branch(lambda b: b.node(f"F{k}", [x, cos, sin], domain="local"), f"then{k}_")
        other = branch(lambda b: b.node("Identity", [x]), f"else{k}_")
        x = g.node("If", [condition], then_branch=then, else_branch=other)
    g.output(x)
    return g


# Four times these sizes take a second or less each. `If` nodes cannot be nested deeper: protobuf refuses to read more than 100 messages
# inside one another.
FAMILIES = {
    rotations: 1000,
    tables: 250,
    rotations_in_a_row: 120,
    rotations_of_one: 120,
    sums: 5000,
    doubled: 5000,
    added_products: 2500,
    products: 5000,
    residuals: 120,
    misses: 500,
    unknowns: 500,
    mysteries: 2500,
    slices: 5000,
    pieces: 16,
    readers: 5000,
    initializers: 5000,
    symbols: 250,
    sizes: 250,
    bodies: 100,
    tables_in_bodies: 100,
    nesting: 6,
    functions: 200,
    calls: 500,
    calls_in_calls: 20,
    functions_in_bodies: 100,
}


def measure(phasor, model, folder, repeat):
    """Sites, least CPU seconds, and most resident MB."""
    path, output = folder / "model.onnx", folder / "fused.onnx"
    path.write_bytes(model.SerializeToString())
    best, most, sites = math.inf, 0, None
    for _ in range(repeat):
        command = [str(phasor), "fuse", str(path), "-o", str(output), "--force", "--no-verify", "--format", "json"]
        done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, *command], capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"status {done.returncode}: {done.stderr.decode()[:400]}")
        seconds, resident = map(float, done.stderr.split()[-2:])
        best, most = min(best, seconds), max(most, resident / 1024)
        sites = len(json.loads(done.stdout)["sites"])
    return sites, best, most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phasor", default=str(ROOT / "target" / "release" / "phasor"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--most", type=float)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    names = [family.__name__ for family in FAMILIES]
    for name in args.names:
        if name not in names:
            parser.error(f"no family is named `{name}`; there are {', '.join(names)}")
    needs.linux()
    needs.built(args.phasor, needs.PROGRAM, "--phasor")
    chosen = {f: n for f, n in FAMILIES.items() if not args.names or f.__name__ in args.names}
    steep = []
    print("| family | n | sites at 4n | CPU s at n, 2n, 4n | resident MB at n, 2n, 4n | exponent |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        _, floor, _ = measure(args.phasor, rotations(1).model(), folder, 3)
        for family, n in chosen.items():
            n = max(1, int(n * args.scale))
            runs = []
            for size in (n, 2 * n, 4 * n):
                if runs and runs[-1][1] > PATIENCE:
                    break
                runs.append(measure(args.phasor, family(size).model(), folder, args.repeat))
            last, before = (max(run[1] - floor, 1e-3) for run in (runs[-1], runs[-2]))
            exponent = math.log2(last / before)
            seconds, memory = (", ".join(form.format(run[at]) for run in runs) for at, form in ((1, "{:.2f}"), (2, "{:.0f}")))
            words = family.__name__.replace("_", " ")
            print(f"| {words} | {n} | {runs[-1][0]} | {seconds} | {memory} | {exponent:.2f} |", flush=True)
            if args.most and exponent > args.most and last > 1:
                steep.append(words)
    if steep:
        print(f"error: steeper than {args.most}: {', '.join(steep)}", file=sys.stderr)
    return 1 if steep else 0


if __name__ == "__main__":
    sys.exit(main())
