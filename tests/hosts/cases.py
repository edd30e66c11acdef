"""The models that hosts and tools are tried with, their inputs, and what each target of `phasor fuse` makes of them.

Most are those of `models/`. The operators of relative positions and sinusoidal embeddings come from small models that are made here. A
model whose name ends in `-opset23` is raised by `onnx.version_converter`, for the target `onnx`. `inlined` is the model of the default target
after `onnx.inliner`, which puts the function bodies in the places of their calls; `plain` is what `--plain all` writes.
"""
import dataclasses
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, inliner, version_converter

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "benches"))
import relative_models

# The targets, and whether an operator is one that sites become.
TARGETS = {
    "phasor": lambda domain, operator: domain == "ai.phasor",
    "contrib": lambda domain, operator: domain == "com.microsoft" and operator in ("RotaryEmbedding", "MultiHeadAttention"),
    "onnx": lambda domain, operator: domain == "" and operator in ("RotaryEmbedding", "Attention"),
}
EXPORTS = ["llama-dynamo", "llama-cache", "llama-f16", "llama-torchscript", "qwen3-dynamo", "gptj-dynamo", "gptneox-torchscript"]
RAISED = ["llama-dynamo", "gptj-dynamo"]
RAISED_TO, RAISED_IR = 23, 10
SMALL = relative_models.Widths(hidden=128, inner=128, layers=1, words=50)


@dataclasses.dataclass
class Case:
    name: str
    # By `original` and by the targets that fuse something.
    files: dict
    inputs: list
    # Nodes by operator that fusing adds, by target.
    fused: dict

    @property
    def half(self):
        return self.name.endswith("f16")

    def left(self, path, target):
        """How many of the nodes that fusing added a model still has, in how many; and how many of their functions are gone."""
        found, functions = operators(path)
        added = self.fused[target]
        nodes = sum(min(number, found.get(key, 0)) for key, number in added.items())
        gone = sum(1 for key in added if found.get(key) and key not in functions) if target == "phasor" else 0
        return nodes, sum(added.values()), gone


def sinusoidal_alibi(branch=False):
    """A layer of attention with linear biases over words to which sinusoidal embeddings, computed in the graph, are added.

    `branch`: an `If` chooses a factor of the output by the number of words, as exports of longrope choose theirs.
    """
    g = relative_models.Graph(widths=SMALL)
    mask, x = relative_models.embedded(g)
    batch, length = g.size(mask, 0), g.size(mask, 1)
    at = relative_models.positions(g, length)
    half = g.hidden // 2
    frequencies = (10000.0 ** (-np.arange(half) / half)).reshape(1, half)
    angles = g("Mul", g("Unsqueeze", g("Cast", at, to=TensorProto.FLOAT), [1]), frequencies)
    x = g("Add", x, g("Concat", g("Sin", angles), g("Cos", angles), axis=-1))
    split, joined = g.sizes(batch, -1, g.heads, relative_models.CHANNELS), g.sizes(batch, length, g.hidden)
    q, k, v = (g.reshape(g.linear(x), split) for _ in range(3))
    scores = g("MatMul", g.turn(q, 0, 2, 1, 3), g.turn(k, 0, 2, 3, 1))
    slopes = (2.0 ** -np.arange(1, g.heads + 1)).reshape(1, g.heads, 1, 1)
    biases = g("Mul", slopes, g("Cast", g("Unsqueeze", at, [0, 1, 2]), to=TensorProto.FLOAT))
    scores = g("Add", g("Mul", scores, 0.125), biases)
    scores = g("Add", scores, relative_models.mask_to_add(g, mask))
    context = g("MatMul", g("Softmax", scores, axis=-1), g.turn(v, 0, 2, 1, 3))
    y = g.linear(g.reshape(g.turn(context, 0, 2, 1, 3), joined))
    if branch:
        long, short = constant("long", 0.5), constant("short", 2.0)
        y = g("Mul", y, g("If", g("Greater", g("Squeeze", length), np.int64(6)), then_branch=long, else_branch=short))
    g.output(y, "batch", "sequence", g.hidden)
    return g.model()


def constant(name, value):
    """The body of a branch that gives a number."""
    node = onnx.helper.make_node("Constant", [], [name], name=f"make_{name}", value=onnx.numpy_helper.from_array(np.float32([value]), name))
    output = onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
    return onnx.helper.make_graph([node], f"{name}_branch", [], [output])


def made():
    """The models that are made here: functions by name."""
    return {
        "t5-bias": lambda: relative_models.model("t5", widths=SMALL),
        "deberta-gather": lambda: relative_models.model("deberta", widths=SMALL),
        "sinusoidal-alibi": sinusoidal_alibi,
        "sinusoidal-alibi-if": lambda: sinusoidal_alibi(branch=True),
    }


def names():
    return [*EXPORTS, *(f"{name}-opset23" for name in RAISED), *made()]


def sentences():
    """Inputs of the models that are made here: a batch of 1, and one of 2 with padding."""
    random = np.random.default_rng(3)
    for batch, length in ((1, 7), (2, 5)):
        mask = np.ones((batch, length), np.int64)
        mask[1:, -2:] = 0
        yield {"input_ids": random.integers(0, SMALL.words, (batch, length)), "attention_mask": mask}


def original(name, scratch):
    """The path of a model, and its inputs."""
    if name in EXPORTS:
        folder = ROOT / "models" / name
        return folder / "model.onnx", [dict(np.load(folder / f"inputs_{i}.npz")) for i in (0, 1)]
    path = scratch / f"{name}.onnx"
    if name in made():
        onnx.save(made()[name](), path)
        return path, list(sentences())
    source, inputs = original(name.removesuffix("-opset23"), scratch)
    raised = version_converter.convert_version(onnx.load(source), RAISED_TO)
    raised.ir_version = max(raised.ir_version, RAISED_IR)
    onnx.save(raised, path)
    return path, inputs


def operators(path):
    """How many nodes of each operator the graphs of a model have, by domain and name; and the functions that it has."""
    found = {}

    def walk(graph):
        for node in graph.node:
            key = (node.domain, node.op_type)
            found[key] = found.get(key, 0) + 1
            for attribute in node.attribute:
                for inner in [attribute.g, *attribute.graphs]:
                    walk(inner)

    model = onnx.load(path, load_external_data=False)
    walk(model.graph)
    return found, {(function.domain, function.name) for function in model.functions}


def fuse(phasor, path, out, target="phasor", *options):
    """Writes the fused model; says why not, where that fails."""
    command = [phasor, "fuse", path, "-o", out, "--force", "--no-verify", "--target", target, *options]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return done.stderr if done.returncode else None


def make(name, scratch, phasor):
    """A case, with a fused model for every target that fuses something."""
    path, inputs = original(name, scratch)
    files, fused = {"original": path}, {}
    for target in TARGETS:
        out = scratch / f"{name}.{target}.onnx"
        error = fuse(phasor, path, out, target)
        # A target that needs a newer opset, or that fuses nothing, has no row.
        if error and re.search(r"opset \d+ has no", error):
            continue
        if error:
            raise RuntimeError(f"{name}: {error}")
        added = {key: number for key, number in operators(out)[0].items() if TARGETS[target](*key)}
        if added:
            files[target], fused[target] = out, added
    files["inlined"] = scratch / f"{name}.inlined.onnx"
    onnx.save(inliner.inline_local_functions(onnx.load(files["phasor"])), files["inlined"])
    files["plain"] = scratch / f"{name}.plain.onnx"
    if error := fuse(phasor, path, files["plain"], "phasor", "--plain", "all"):
        raise RuntimeError(f"{name}: {error}")
    return Case(name, files, inputs, fused)

