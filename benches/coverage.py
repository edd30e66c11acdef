#!/usr/bin/env python3
"""Which position encodings of a corpus of exported models are found, by architecture and exporter, beside other fusers.

    python3 benches/coverage.py measure --corpus DIR --tool phasor -o phasor.json
    python3 benches/coverage.py measure --corpus DIR --tool phasor --family relative -o relative.json
    python3 benches/coverage.py measure --corpus DIR --tool phasor --family sinusoidal -o sinusoidal.json
    python3 benches/coverage.py measure --corpus DIR --tool phasor --family attention -o attention.json
    python3 benches/coverage.py measure --corpus DIR --tool onnxscript -o onnxscript.json
    python3 benches/coverage.py measure --corpus DIR --tool onnxruntime -o onnxruntime.json
    python3 benches/coverage.py table phasor.json onnxscript.json onnxruntime.json relative.json sinusoidal.json attention.json > docs/coverage.md

A corpus is a folder of folders, each with `model.onnx`, `inputs_K.npz`, `expected_K.npz` and a `meta.json` that says `arch`, `exporter`,
`dtype` and, under `groundtruth`, how many sites the architecture has: `rope_sites` tensors that it rotates, `bias_computations` biases and
scores by distance, `sinusoidal_sites` embeddings by sines and cosines. Biases that no input reaches (`STATIC`), and embeddings that are
looked up in a table, do not count: a runtime folds the former, and a table stays a table. An attention is a softmax of the model with a
product of two computed tensors in front of it and a product behind it. Nothing a tool says of itself is believed: the
written model is opened, its nodes are counted, and ONNX Runtime runs it on every set of inputs, for Phasor with the operator library and
again without. A model that does not run, or computes something else, counts with no site.

`measure` needs onnx, onnxruntime and numpy; for Phasor the program and the operator library (`cargo build --release`, `cargo build --release
-p phasor-ops`); for onnxscript that.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import needs

ROOT = pathlib.Path(__file__).resolve().parent.parent
PHASOR = ROOT / "target" / "release" / "phasor"
TOLERANCE = {"float16": 2e-2, "bfloat16": 6e-2}
TITLES = {"phasor": "Phasor", "onnxscript": "onnxscript `optimize_for_ort`", "onnxruntime": "ONNX Runtime's transformers optimizer"}
STATIC = ("swin", "swinv2", "beit", "decomposed2d")
OPERATORS = {
    "rotary": {"RotaryEmbedding": 1, "RotaryEmbeddingPair": 2, "RotaryHeads": 1},
    "relative": {"RelativePositionBias": 1, "RelativeGather": 1, "AlibiBias": 1},
    "sinusoidal": {"SinusoidalEmbedding": 1},
    "attention": {"Attention": 1, "CachedAttention": 1},
}
HEADINGS = {
    "rotary": "Rotary embeddings",
    "relative": "Relative position encodings",
    "sinusoidal": "Sinusoidal encodings that are computed",
    "attention": "Attention",
}
PRODUCTS = ("MatMul", "Einsum", "MatMulInteger", "QLinearMatMul")
# Most nodes between a softmax and a product.
NEAR = 8
MODEL_TYPES = ("gpt2", "t5", "qwen3", "gpt_neox", "bert")


def nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)
            for inner in attribute.graphs:
                yield from nodes(inner)


def leads_to(value, steps_from, found):
    """Whether a walk from a value comes to a node that is `found`, at most `NEAR` nodes away."""
    seen, front = {value}, [value]
    for _ in range(NEAR):
        reached = []
        for node, after in (step for value in front for step in steps_from(value)):
            if node.op_type in PRODUCTS:
                if found(node):
                    return True
                continue
            reached += [value for value in after if value not in seen]
            seen.update(reached)
        front = reached
    return False


def attentions(path):
    """The softmaxes of a model that weigh scores."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    every = list(nodes(model.graph))
    constants = {tensor.name for tensor in model.graph.initializer} | {node.output[0] for node in every if node.op_type == "Constant"}
    makers = {output: node for node in every for output in node.output}
    readers = collections.defaultdict(list)
    for node in every:
        for name in node.input:
            readers[name].append(node)
    back = lambda value: [(makers[value], makers[value].input)] if value in makers else []
    forth = lambda value: [(node, node.output) for node in readers[value] if node.op_type != "Shape"]
    computed = lambda node: len([name for name in node.input[:2] if name not in constants]) == 2
    softmaxes = [node for node in every if node.op_type == "Softmax"]
    return sum(leads_to(node.input[0], back, computed) and leads_to(node.output[0], forth, bool) for node in softmaxes)


def true_sites(meta, family, model):
    """The sites that the architecture has, or the model, of attention."""
    if family == "attention":
        return attentions(model)
    truth = meta["groundtruth"]
    if family == "rotary":
        return truth.get("rope_sites") or 0
    if family == "relative":
        static = truth.get("relative_bias_kind") in STATIC
        return 0 if static else truth.get("bias_computations") or truth.get("relative_bias_sites") or 0
    looked_up = truth.get("sinusoidal_form") in ("constant", "table")
    return 0 if looked_up else truth.get("sinusoidal_sites") or 0


def sites(path, family):
    """Sites of a family that a model's own nodes say so."""
    import onnx

    found = 0
    for node in nodes(onnx.load(path, load_external_data=False).graph):
        if node.domain == "ai.phasor":
            found += OPERATORS[family].get(node.op_type, 0)
        elif family == "rotary" and node.domain in ("com.microsoft", "", "ai.onnx"):
            found += node.op_type in ("RotaryEmbedding", "MRotaryEmbedding")
            rotates = any(a.name == "do_rotary" and a.i for a in node.attribute)
            found += 2 * (node.op_type == "GroupQueryAttention" and rotates)
    return found


def fuse_phasor(source, target):
    command = [PHASOR, "fuse", source, "-o", target, "--no-verify"]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(result.stderr.strip().splitlines()[-1])


def fuse_onnxscript(source, target):
    import onnx_ir
    from onnxscript.rewriter.ort_fusions import optimize_for_ort

    model = onnx_ir.load(source)
    result = optimize_for_ort(model)
    onnx_ir.save(result[0] if isinstance(result, tuple) else model, target)


def fuse_onnxruntime(source, target):
    """The best of the model types that the optimizer has rotary templates for."""
    from onnxruntime.transformers import optimizer

    best = None
    for model_type in MODEL_TYPES:
        try:
            model = optimizer.optimize_model(str(source), model_type=model_type, num_heads=0, hidden_size=0, opt_level=0)
        except Exception:
            continue
        count = sum(node.op_type == "RotaryEmbedding" for node in model.model.graph.node)
        if best is None or count > best[0]:
            best = count, model
    if best is None:
        raise RuntimeError("no model type accepts it")
    best[1].save_model_to_file(str(target))


FUSERS = {"phasor": fuse_phasor, "onnxscript": fuse_onnxscript, "onnxruntime": fuse_onnxruntime}


def difference(model, case, library):
    """Largest difference from the expected outputs, as a share of the output's scale."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if library:
        options.register_custom_ops_library(str(library))
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for inputs in sorted(case.glob("inputs_*.npz")):
        expected = inputs.with_name(inputs.name.replace("inputs", "expected"))
        if not expected.exists():
            continue
        given, wanted = np.load(inputs), np.load(expected)
        outputs = session.run(wanted.files, {i.name: given[i.name] for i in session.get_inputs()})
        for name, output in zip(wanted.files, outputs):
            a, b = wanted[name].astype(np.float64), np.asarray(output).astype(np.float64)
            if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
                return float("inf")
            finite = np.isfinite(a)
            gap, scale = np.abs(a - b)[finite].max(initial=0), np.abs(a[finite]).max(initial=0)
            worst = max(worst, float(gap / max(1.0, scale)))
    return worst


def measure_one(fuse, case, meta, scratch, library, family):
    """Sites found in a case, and what went wrong."""
    source, target = case / "model.onnx", scratch / "model.onnx"
    try:
        fuse(source, target)
    except Exception as error:
        return 0, f"does not fuse: {' '.join(str(error).split())[:120]}"
    found = sites(target, family)
    if meta["dtype"] == "bfloat16":
        # ONNX Runtime's CPU provider has no kernels for the rest of such a model.
        return found, None
    try:
        for library in [library, None] if library else [None]:
            gap = difference(target, case, library)
            if gap > TOLERANCE.get(meta["dtype"], 2e-4):
                return 0, f"computes something else: difference {gap:.1e}"
    except Exception as error:
        return 0, f"does not run: {' '.join(str(error).split())[:120]}"
    return found, None


def measure(args):
    with needs.packages("numpy", "onnx", "onnxruntime", *(["onnxscript", "onnx_ir"] if args.tool == "onnxscript" else [])):
        library, rows = None, []
    if args.tool == "phasor":
        needs.built(PHASOR, needs.PROGRAM)
        library = needs.built(PHASOR.with_name("libphasor_ops.so"), needs.LIBRARY)
    cases = sorted(args.corpus.glob("*/meta.json"))
    if not cases:
        needs.missing(f"`{args.corpus}`: not a corpus: no folder in it has a `meta.json`", "name one with `--corpus DIR`; `--help` says what it has")
    for path in cases:
        meta = json.loads(path.read_text())
        true = true_sites(meta, args.family, path.with_name("model.onnx"))
        if meta["family"].startswith("neg") or not true:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            found, trouble = measure_one(FUSERS[args.tool], path.parent, meta, pathlib.Path(scratch), library, args.family)
        print(f"{path.parent.name}: {found}/{true}{f', {trouble}' if trouble else ''}", file=sys.stderr, flush=True)
        row = dict(name=path.parent.name, arch=meta["arch"], exporter=meta["exporter"], true=true, found=min(found, true))
        rows.append(dict(row, trouble=trouble))
    args.output.write_text(json.dumps(dict(tool=args.tool, family=args.family, rows=rows), indent=1) + "\n")


def kind(exporter):
    """The column an exporter belongs to."""
    base, _, after = exporter.partition("-")
    if after in ("slim", "onnxsim", "ortbasic"):
        return "simplified"
    return next((name for name in ("optimum", "torchscript", "dynamo") if base.startswith(name)), "other")


COLUMNS = {
    "dynamo": "dynamo",
    "torchscript": "TorchScript",
    "optimum": "optimum",
    "other": "other exporters",
    "simplified": "simplified afterwards",
}


def cell(rows):
    true = sum(row["true"] for row in rows)
    return f"{sum(row['found'] for row in rows)}/{true}" if true else ""


def table(args):
    results = {family: {} for family in OPERATORS}
    for path in args.results:
        if not path.is_file():
            needs.missing(f"`{path}`: no such file", "`measure -o FILE` writes one for each tool and family")
        result = json.loads(path.read_text())
        results[result["family"]][result["tool"]] = result["rows"]
    print("# Coverage\n")
    print("Position encodings found in a corpus of exported models, of those the architecture has: found/true. Made by `benches/coverage.py`, whose head")
    print("says what counts. *Simplified afterwards* are exports that went through onnxslim, onnxsim or ONNX Runtime's basic optimisation. Other")
    print("fusers' columns are over all exporters.")
    for family, of_family in results.items():
        if of_family:
            print(f"\n## {HEADINGS[family]}\n")
            section(of_family)


def section(results):
    own = results.pop("phasor")
    print("| architecture | " + " | ".join([*COLUMNS.values(), "all", *(TITLES[tool] for tool in results)]) + " |")
    print("|---" * (len(COLUMNS) + len(results) + 2) + "|")
    archs = sorted({row["arch"] for row in own})
    for arch in [*archs, None]:
        picked = [row for row in own if arch in (row["arch"], None)]
        cells = [cell([row for row in picked if kind(row["exporter"]) == column]) for column in COLUMNS]
        cells.append(cell(picked))
        cells += [cell([row for row in rows if arch in (row["arch"], None)]) for rows in results.values()]
        print(f"| {arch or '**all**'} | " + " | ".join(cells) + " |")
    print("\n### Models that fall short\n")
    short = [row for row in own if row["found"] < row["true"]]
    for row in short:
        print(f"- `{row['name']}`: {row['found']}/{row['true']}{', ' + row['trouble'] if row['trouble'] else ''}")
    print("" if short else "None.\n", end="")
    print("\n### Models a fuser breaks\n\n| fuser | does not fuse | does not run | computes something else |\n|---|---|---|---|")
    for tool, rows in {"phasor": own, **results}.items():
        causes = collections.Counter((row["trouble"] or "").partition(":")[0] for row in rows)
        print(f"| {TITLES[tool]} | " + " | ".join(str(causes[c]) for c in ("does not fuse", "does not run", "computes something else")) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("measure")
    command.add_argument("--corpus", type=pathlib.Path, required=True)
    command.add_argument("--tool", choices=FUSERS, required=True)
    command.add_argument("--family", choices=OPERATORS, default="rotary")
    command.add_argument("-o", "--output", type=pathlib.Path, required=True)
    command.set_defaults(run=measure)
    command = commands.add_parser("table")
    command.add_argument("results", type=pathlib.Path, nargs="+")
    command.set_defaults(run=table)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
