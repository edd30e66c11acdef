"""Fuses one model of a corpus, counts what was fused, and runs the result against the outputs recorded beside the model.

Nothing that `phasor` says of itself is believed: the written model is opened, its nodes are counted, and ONNX Runtime runs it with the
operator library and without it, when the function bodies must serve.

A folder of the corpus holds `model.onnx`, `inputs_K.npz`, `expected_K.npz` and `meta.json`, whose `groundtruth` says how many sites the
architecture has.
"""
import collections
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime as ort

# The operators that stand for sites: their family, and how many sites one node is.
OPERATORS = {
    ("ai.phasor", "RotaryEmbedding"): ("rotary", 1),
    ("ai.phasor", "RotaryEmbeddingPair"): ("rotary", 2),
    ("ai.phasor", "RotaryHeads"): ("rotary", 1),
    ("ai.phasor", "RelativePositionBias"): ("bias", 1),
    ("ai.phasor", "RelativeGather"): ("bias", 1),
    ("ai.phasor", "AlibiBias"): ("bias", 1),
    ("ai.phasor", "SinusoidalEmbedding"): ("sinusoidal", 1),
    ("ai.phasor", "Attention"): ("attention", 1),
    ("ai.phasor", "CachedAttention"): ("attention", 1),
    ("com.microsoft", "RotaryEmbedding"): ("rotary", 1),
    ("com.microsoft", "MRotaryEmbedding"): ("rotary", 1),
    ("com.microsoft", "RelativePositionBias"): ("bias", 1),
    ("com.microsoft", "GatedRelativePositionBias"): ("bias", 1),
    ("", "RotaryEmbedding"): ("rotary", 1),
}
FAMILIES = ("rotary", "bias", "sinusoidal", "attention")
# Biases whose indices are constant: exporters fold the whole bias.
CONSTANT_BIAS = {"swin", "swinv2", "beit", "decomposed2d"}
# Look-alikes of one mistake that the operators express exactly all the same, by a full table, a table a head or frequencies as an input.
# Whether they are fused is nobody's business as long as the numbers are right.
EXPRESSIBLE = (
    "rope-interleaved_in_half_out", "rope-two_angles", "rope-repeat_angles_half_rotate", "rope-angle_per_head", "rotatehalf-learned_mix",
    "t5-", "xl-", "nerf-encoding",
)
TOLERANCE = {"float16": 2e-2, "bfloat16": 6e-2}
PATIENCE = 300


def nodes(graph):
    """The nodes of a graph and of all bodies in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from nodes(body)


def count(path):
    """Sites by family."""
    sites = collections.Counter()
    for node in nodes(onnx.load(str(path), load_external_data=False).graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        family, number = OPERATORS.get((domain, node.op_type), (None, 0))
        sites[family] += number
        if (domain, node.op_type) == ("com.microsoft", "GroupQueryAttention"):
            sites["rotary"] += 2 * any(a.name == "do_rotary" and a.i for a in node.attribute)
    return sites


def truth(meta, model):
    """Sites by family that the architecture has where it computes them; of attention as many as the model has softmaxes."""
    known = meta["groundtruth"]
    bias = 0 if known.get("relative_bias_kind") in CONSTANT_BIAS else known.get("bias_computations") or known.get("relative_bias_sites")
    sinusoidal = 0 if known.get("sinusoidal_form") in ("constant", "table") else known.get("sinusoidal_sites")
    softmaxes = sum(node.op_type == "Softmax" for node in nodes(onnx.load(str(model), load_external_data=False).graph))
    return {"rotary": known.get("rope_sites") or 0, "bias": bias or 0, "sinusoidal": sinusoidal or 0, "attention": softmaxes}


def difference(path, case, library=None):
    """The largest difference from what is recorded, relative to the output's scale; infinite where shape or finiteness differ."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if library:
        options.register_custom_ops_library(str(library))
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names, worst = [output.name for output in session.get_outputs()], 0.0
    for recorded in sorted(case.glob("expected_*.npz")):
        inputs, expected = np.load(recorded.with_name(recorded.name.replace("expected", "inputs"))), np.load(recorded)
        found = dict(zip(names, session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})))
        for name in expected.files:
            want, got = expected[name].astype(np.float64), np.asarray(found[name]).astype(np.float64)
            if want.shape != got.shape or not np.array_equal(np.isfinite(want), np.isfinite(got)):
                return float("inf")
            finite = np.isfinite(want)
            scale = max(1.0, np.abs(want[finite]).max(initial=0))
            worst = max(worst, float(np.abs(want[finite] - got[finite]).max(initial=0) / scale))
    return worst


def score(case, phasor, library, recorded):
    """How the model of a folder ends: a dict with its `status`, a `note`, and the sites `found` and `true` by family.

    `right`, or what is wrong: `failed` (not fused), `unrunnable`, `wrong` (other numbers), `over` (more sites than there are), `fewer` (than
    `recorded`, sites by family).
    """
    case = pathlib.Path(case)
    meta = json.loads((case / "meta.json").read_text())
    outcome = {"name": case.name, "status": "right", "note": "", "found": {}, "true": {}}

    def ends(status, note):
        return {**outcome, "status": status, "note": " ".join(str(note).split())[:300]}

    try:
        original = case / "model.onnx"
        before = count(original)
        outcome["true"] = {family: max(0, number - before[family]) for family, number in truth(meta, original).items()}
        with tempfile.TemporaryDirectory() as scratch:
            fused = pathlib.Path(scratch) / "fused.onnx"
            done = subprocess.run([phasor, "fuse", str(original), "-o", str(fused), "--no-verify"], capture_output=True, text=True, timeout=PATIENCE)
            if done.returncode != 0:
                return ends("failed", f"exit code {done.returncode}: {done.stderr}")
            after = count(fused)
            outcome["found"] = {family: after[family] - before[family] for family in FAMILIES}
            # ONNX Runtime's CPU provider lacks kernels for the rest of a model in bfloat16.
            if meta.get("dtype") != "bfloat16":
                for what, loaded in (("with the library", library), ("by function bodies", None)):
                    worst = difference(fused, case, loaded)
                    if not worst <= TOLERANCE.get(meta.get("dtype"), 2e-4):
                        return ends("wrong", f"{what}: differs by {worst:.1e} of the scale")
    except subprocess.TimeoutExpired:
        return ends("failed", f"more than {PATIENCE} s")
    except Exception as error:
        return ends("unrunnable", f"{type(error).__name__}: {error}")
    alike = meta["family"].startswith("neg")
    expressible = alike and (meta["groundtruth"].get("expressible") is True or case.name[len("neg_"):].startswith(EXPRESSIBLE))
    looked_at = FAMILIES if alike else ("rotary", "attention")
    if not expressible and any(outcome["found"][family] > outcome["true"][family] for family in looked_at):
        return ends("over", f"found {outcome['found']}, the architecture has {outcome['true']}")
    if any(outcome["found"][family] < number for family, number in recorded.items()):
        return ends("fewer", f"found {outcome['found']}, recorded are {recorded}")
    return outcome
