"""Writes docs/hosts.md from the outcomes: models with the same outcomes share a row, and reasons stand below the tables."""
import json
import math
import pathlib
import re
import textwrap

import outcome
import trials

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "record.json"
PAGE = HERE.parent.parent / "docs" / "hosts.md"
FILES = {
    "original": "the original",
    "phasor": "fused",
    "inlined": "fused, then `onnx.inliner`",
    "plain": "fused, `--plain all`",
    "contrib": "fused, `--target contrib`",
    "onnx": "fused, `--target onnx`",
}
CHANGED = {
    "original": "original",
    "phasor": "fused",
    "phasor+library": "fused, with the library",
    "contrib": "`--target contrib`",
    "onnx": "`--target onnx`",
    "afterwards": "fused after the tool",
}
HEAD = """<!-- Made by `python3 tests/hosts.py --write`; changes belong into `tests/hosts`. -->

# Where a fused model runs, and what tools make of it

[In which order](order.md) to export, simplify, quantise, convert and fuse follows from these tables.

{what}

## Hosts

A number is the largest difference of an output, relative to the largest absolute value of that output. The original is compared with itself
in ONNX Runtime; a fused model is compared with the original in the same host.

* **same**: it runs, and differs by at most {same} ({same_half} in half precision).
* **differs**: it runs, and gives something else.
* **no**: it does not run, for the reason below the table, whereas the original does.
* **neither**: it does not run, and neither does the original.

Numbers are the largest of the row, and reasons those of its first model.
"""
WHAT = """Everything here was run on Linux x86-64, on a processor without a GPU, with {versions}. The models are those of
[`models/`](../models), some of them also raised to opset 23, and small ones with relative positions, linear biases, sinusoidal embeddings and
an `If`. Weights are random. Each model runs on two sets of inputs. `python3 tests/hosts.py` runs all of it again, and fails if an outcome has
become worse."""
AFTER_HOSTS = """
tract here is the `phasor` program (`--engine tract`), which has Phasor's kernels; there the original is compared with itself. OpenVINO runs with
`INFERENCE_PRECISION_HINT` f32, because it rounds to bfloat16 on some processors otherwise.
"""
WIDTH = 140
TOOLS = """
## Tools

Each tool is applied to the original and to the model that `phasor fuse` made of it. What results runs in ONNX Runtime and is compared with the
original before the tool. **as near** means that what the tool makes of the fused model is at most {further} times as far from that as what it
makes of the original. **farther** means that it runs and is not; **no**, that the tool fails, or that what it makes does not load or run.

`convert_float_to_float16` is that of `onnxruntime.transformers.float16`. Blocked operators are added to its own `op_block_list`; the four are
`RotaryTable`, `SinusoidalEmbedding`, `AlibiBias` and `Attention`. `onnxconverter_common` is called with `keep_io_types=True`.

In the column "fused after the tool", the tool comes first and `phasor fuse` afterwards, and the result runs with the library. It says how many of the
operators that are fused without the tool are fused then.

The last column says what a tool leaves of the operators of the default target, and whether it drops their function bodies, without which only the
library runs the model (`phasor fuse` puts them back). Where nothing is left, the tool puts the bodies in the places of the calls: the model runs
anywhere, and no longer by the library's kernels. Two sets of inputs are too few to calibrate `quantize_static`: its numbers say no more than that the
result runs.
"""


class Notes:
    """Reasons, numbered in the order in which tables refer to them. Those that differ in names alone share a number."""

    def __init__(self):
        self.numbers, self.reasons = {}, []

    def number(self, found):
        if kind(found) not in self.numbers:
            self.reasons.append(found["reason"])
            self.numbers[kind(found)] = len(self.reasons)
        return self.numbers[kind(found)]

    def text(self):
        return "".join(f"{number}. {reason}\n" for number, reason in enumerate(self.reasons, 1))


def kind(found):
    """A reason without the names of nodes and values."""
    reason = found.get("reason", "").partition(" for operations")[0]
    # Types are part of what is wrong; they stand in quotation marks and brackets, as names do.
    reason = re.sub(r"tensor\((\w+)\)", r"tensor \1", reason)
    return re.sub(r"\([^)]*\)|'(?!tensor)[^']*'|\"[^\"]*\"|\{.*|\bNode \S+|ai\.phasor:\w+|\d+(?=[\W_])", "", reason)[:90]


def figure(value):
    return "0" if value == 0 else "another shape" if math.isinf(value) else f"{value:.0e}".replace("e-0", "e-")


def cell(found, words, notes):
    """What stands in a cell for the outcomes of several models, which agree."""
    first = found[0]
    if first["state"] == "skipped":
        return "skipped"
    apart = [each["difference"] for each in found if "difference" in each]
    text = words[first["state"]] + (f" {figure(max(apart))}" if apart else "")
    return (text + (f" ({notes.number(first)})" if "reason" in first else "")).strip()


def agree(a, b):
    return all((a[column]["state"], kind(a[column])) == (b[column]["state"], kind(b[column])) for column in a.keys() & b.keys())


def grouped(having):
    """Models with their outcomes by column, in groups that agree. One that lacks a column joins those that agree in the others."""
    groups = []
    for name, outcomes in having:
        for group in groups:
            # What half precision rounds would hide what single precision does.
            if all(agree(outcomes, other) and half(name) == half(another) for another, other in group):
                group.append((name, outcomes))
                break
        else:
            groups.append([(name, outcomes)])
    return groups


def half(name):
    return name.endswith("f16")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines) + "\n"


def named(names, of):
    """Names, or how many they are where they are all."""
    return "all" if len(names) > 1 and len(names) == of else ", ".join(names)


def hosts_table(found, notes):
    words = {"yes": "same", "differs": "**differs**", "no": "**no**", "neither": "neither"}
    columns = list(next(iter(found.values()))["original"])
    rows = []
    for file, title in FILES.items():
        having = [(name, outcomes[file]) for name, outcomes in found.items() if file in outcomes]
        for group in grouped(having):
            cells = [cell([outcomes[column] for _, outcomes in group], words, notes) for column in columns]
            rows.append([title, named([name for name, _ in group], len(having)), *cells])
    return table(["", "models", *(trials.HOSTS[column] for column in columns)], rows)


def left(outcomes, column="phasor"):
    """What a tool leaves of the operators, or lets be fused after it."""
    parts = [each[column]["left"] for each in outcomes if each.get(column, {}).get("left")]
    if not parts:
        return ""
    nodes, of, gone = (sum(part[i] for part in parts) for i in range(3))
    kept = "all" if nodes == of else "none" if nodes == 0 else f"{nodes} of {of}"
    return kept + ("; bodies dropped" if gone else "")


def tools_table(found, notes):
    words = {"yes": "as near", "differs": "**farther**", "no": "**no**", "neither": "neither"}
    rows = []
    names = list(dict.fromkeys(tool for outcomes in found.values() for tool in outcomes))
    for name in names:
        having = [(model, outcomes[name]) for model, outcomes in found.items() if name in outcomes]
        for group in grouped(having):
            cells = []
            for column in CHANGED:
                present = [outcomes[column] for _, outcomes in group if column in outcomes]
                spoken = {**words, "yes": ""} if column == "original" else words
                text = cell(present, spoken, notes) if present else ""
                kept = left([each for _, each in group], column) if column == "afterwards" else ""
                cells.append(f"{text}: {kept}" if kept else text)
            models = named([model for model, _ in group], len(having))
            rows.append([called(name), models, *cells, left([each for _, each in group])])
    return table(["", "models", *CHANGED.values(), "operators that the tool leaves"], rows)


def called(name):
    """The name of a tool, with the call in it marked as code."""
    call, comma, rest = re.fullmatch(r"([\w.]+(?:\(.*\))?)(,?)(.*)", name).groups()
    return f"`{call}`{comma}{rest}"


def text(record):
    notes = Notes()
    what = textwrap.fill(WHAT.format(versions=versions(record["versions"])).replace("\n", " "), WIDTH, break_on_hyphens=False)
    head = HEAD.format(what=what, same=figure(outcome.SAME), same_half=figure(outcome.SAME_HALF))
    parts = [head, hosts_table(record["hosts"], notes), notes.text(), AFTER_HOSTS]
    notes = Notes()
    tools = TOOLS.format(further=f"{outcome.FURTHER:g}")
    parts += [tools, tools_table(record["tools"], notes), notes.text()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def versions(known):
    listed = [f"{name} {version}" for name, version in known.items()]
    return ", ".join(listed[:-1]) + f" and {listed[-1]}"


def write(record):
    RECORD.write_text(lines(record) + "\n")
    PAGE.write_text(text(record))


def lines(record):
    """The record, with one outcome a line."""
    def inner(value, depth):
        if depth == 0 or not isinstance(value, dict):
            return json.dumps(value)
        pad = " " * (4 - depth)
        return "{\n" + ",\n".join(f"{pad}{json.dumps(key)}: {inner(each, depth - 1)}" for key, each in value.items()) + "\n" + pad[:-1] + "}"

    return inner(record, 3)


def read():
    return json.loads(RECORD.read_text())
