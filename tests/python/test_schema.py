"""`docs/report.schema.json` describes exactly what `--format json` prints, and `docs/json.md` mentions every field.

Every command runs on models that bring out its verdicts, absent values and lists. All of it must obey the schema, nothing may be
missing from the schema, and every closed word and every null that the schema allows must have been printed, a few apart.
"""
import copy
import json
import os
import re
import subprocess

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from conftest import LIBRARY, PHASOR, ROOT, readable
from test_targets import CASES, Graph, counted, heads, ids
from test_verify import RUNTIME

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
LLAMA = ROOT / "models" / "llama-dynamo" / "model.onnx"
# What these runs cannot bring out.
UNSEEN = {
    # Both models run by function bodies, which are what unfusing writes.
    ("unfuse.verdict", "differs"),
    # A page that goes to standard output leaves no room for a report there; the Python package gives it back.
    ("report.path", "null"),
}
if RUNTIME is None:
    # The embedded engine registers no library.
    UNSEEN.update({("comparison.operators", "string"), ("found.version", "string"), ("doctor.registers", "boolean")})
    UNSEEN.update({("bench.time", "processor"), ("bench.time", "clock"), ("variant.library", "string"), ("variant.library", "null")})
    UNSEEN.update({("variant.memory", "integer"), ("variant.memory", "null")})
    UNSEEN.update(("part_time.part", part) for part in ("rotary", "relative", "sinusoidal", "attention", "weights", "rest"))


def built(path, make, opset=17, dtype=TensorProto.FLOAT):
    """The model of a function that adds to a graph."""
    g = Graph(dtype)
    make(g)
    onnx.save(g.model(opset), str(path))
    return path


def text(path, body, output="float y"):
    """The model of a graph in ONNX's text format."""
    header = f'<ir_version: 8, opset_import: ["" : 17]> g (float[n] x) => ({output})'
    onnx.save(onnx.parser.parse_model(f"{header} {{ {body} }}"), str(path))
    return path


def changed(path, change, model=LLAMA):
    """A model after a change."""
    model = onnx.load(str(model))
    change(model)
    onnx.save(model, str(path))
    return path


def replace_neg(op, domain=""):
    """Replaces the operator that gives rotations their sign."""
    def change(model):
        for node in model.graph.node:
            if node.op_type == "Neg":
                node.op_type, node.domain = op, domain
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))
    return change


def foreign_output(model):
    """Gives a model an output that no engine can compute."""
    model.opset_import.append(helper.make_opsetid("com.acme", 1))
    model.graph.node.append(helper.make_node("Unknown", [model.graph.output[0].name], ["more"], domain="com.acme"))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, None))


def without_functions(model):
    """Takes the definitions of Phasor's operators out of a fused model."""
    del model.functions[:]


def narrow_tables(g):
    """A rotation by ONNX's operator whose tables have batch 1."""
    x = heads(g)
    cos, sin = (g.op("Unsqueeze", table, [0]) for table in g.tables(g.angles(counted(g, x), 4)))
    g.output(g.op("RotaryEmbedding", x, cos, sin))


def narrow_tables_and_an_unknown_rank(g):
    """The same, and one of a tensor of unknown rank."""
    narrow_tables(g)
    cos, sin = (g.op("Unsqueeze", table, [0]) for table in g.tables(g.angles(counted(g, "x"), 4)))
    g.output(g.op("RotaryEmbedding", g.input("free", None), cos, sin))


def by_matrix(g, tables):
    """A rotation by a matrix of zeros and ones of what a dense layer made, which holds for finite numbers alone."""
    turn = np.zeros((8, 8), np.float32)
    turn[range(4, 8), range(4)], turn[range(4), range(4, 8)] = -1, 1
    x = g.op("MatMul", heads(g), np.sin(np.arange(64, dtype=np.float32)).reshape(8, 8))
    cos, sin = tables
    g.output(g.op("Add", g.op("Mul", x, cos), g.op("Mul", g.op("MatMul", x, turn), sin)))


def by_matrix_and_angles(g):
    by_matrix(g, g.tables(g.angles(ids(g), 4), axes=[1], full=True))


def by_matrix_and_given_tables(g):
    by_matrix(g, (g.input("cos", ["S", 8]), g.input("sin", ["S", 8])))


def two_streams(g):
    """Angles of coordinates that lie along an axis of the positions."""
    column = g.op("Unsqueeze", g.op("Cast", g.input("positions", [2, "S"], TensorProto.INT64), to=TensorProto.FLOAT), [-1])
    rows = [g.op("Gather", column, np.int64(row), axis=0) for row in range(2)]
    angles = g.op("Concat", *[g.op("Mul", row, np.float32([1.0, 0.25])) for row in rows], axis=-1)
    cos, sin = g.tables(angles)
    g.output(g.rotate(heads(g), cos, sin, 8))


def constant_frequency(g):
    """Angles of a frequency that is no tensor of the graph by itself."""
    column = g.op("Unsqueeze", g.op("Cast", ids(g), to=TensorProto.FLOAT), [-1])
    cos, sin = g.tables(g.op("Concat", column, g.op("Mul", column, np.float32(0.5)), axis=-1), axes=[1])
    g.output(g.rotate(heads(g, channels=4), cos, sin, 4))


def distances(g, scores):
    """`key - query` of counted positions `[Q]` and `[K]`, for scores `[B, N, Q, K]`."""
    sizes = g.op("Shape", scores)
    queries, keys = (g.op("Range", np.int64(0), g.op("Gather", sizes, np.int64(axis)), np.int64(1)) for axis in (2, 3))
    return g.op("Sub", g.op("Unsqueeze", keys, [0]), g.op("Unsqueeze", queries, [1]))


def attended(g, scores):
    g.output(g.op("Softmax", scores, axis=-1))


def clipped(g, distance, reach=2):
    """A row for each distance up to a reach."""
    return g.op("Add", g.op("Clip", distance, np.int64(-reach), np.int64(reach)), np.int64(reach))


def bias_of_a_table(g, index=clipped):
    """T5's: the bias of counted positions, added to scores."""
    scores = g.input("scores", ["B", 3, "Q", "K"])
    index = index(g, distances(g, scores))
    table = np.sin(np.arange(15, dtype=np.float32)).reshape(5, 3)
    bias = g.op("Unsqueeze", g.op("Transpose", g.op("Gather", table, index), perm=[2, 0, 1]), [0])
    attended(g, g.op("Add", scores, bias))


def remainder(g, distance):
    """However far a distance is, the next one has another row."""
    return g.op("Mod", distance, np.int64(5))


def gathered(g, by_key, index=clipped):
    """DeBERTa's: scores of queries, or of keys, by distance."""
    content = g.input("content", [2, 3, "L", "L"])
    index = index(g, distances(g, content))
    index = g.op("Transpose", index, perm=[1, 0]) if by_key else index
    shape = g.op("Concat", np.int64([2, 3]), g.op("Shape", index), axis=0)
    picked = g.op("GatherElements", g.input("scores", [2, 3, "L", 5]), g.op("Expand", index, shape), axis=-1)
    attended(g, g.op("Add", content, g.op("Transpose", picked, perm=[0, 1, 3, 2]) if by_key else picked))


def shifted(g, length="T"):
    """Transformer-XL's: columns in order, by padding and reshaping."""
    square = g.input("square", [1, 2, length, length])
    scores = g.op("Softmax", g.op("Concat", square, g.op("Slice", square, [1], [2**62], [3]), axis=3), axis=-1)
    padded = g.op("Concat", g.op("Slice", scores, [0], [1], [3]), scores, axis=3)
    length = g.op("Slice", g.op("Shape", square), [2], [3])
    rows = g.op("Reshape", padded, g.op("Concat", np.int64([1, 2, -1]), length, axis=0))
    rows = g.op("Slice", rows, [1], [2**62], [2])
    attended(g, g.op("Slice", g.op("Reshape", rows, g.op("Shape", scores)), [0], length, [3]))


def keyed(g, is_clipped):
    """Shaw's: vectors times the row of their distance, of those around a row or of few."""
    x = g.input("x", ["B", 2, "L", 4])
    distance = distances(g, g.op("MatMul", x, g.op("Transpose", x, perm=[0, 1, 3, 2])))
    index = clipped(g, distance, 1) if is_clipped else g.op("Add", distance, np.int64(4))
    rows = g.op("Gather", np.sin(np.arange(36, dtype=np.float32)).reshape(9, 4), index)
    attended(g, g.op("Einsum", x, rows, equation="bhld,lrd->bhlr"))


def logged(g):
    """Slopes times the logarithm of a distance, which is no distance."""
    scores = g.input("scores", [1, 3, "Q", "K"])
    far = g.op("Log", g.op("Add", g.op("Cast", g.op("Abs", distances(g, scores)), to=TensorProto.FLOAT), np.float32(1)))
    attended(g, g.op("Add", scores, g.op("Mul", np.float32([0.5, 0.25, 0.125]).reshape(3, 1, 1), far)))


def sloped(g):
    """BLOOM's: slopes times the positions of keys, which a mask counts."""
    mask = g.input("mask", ["B", "K"], TensorProto.INT64)
    position = g.op("Mul", g.op("Sub", g.op("CumSum", mask, np.int64(1)), np.int64(1)), mask)
    column = g.op("Cast", g.op("Unsqueeze", position, [1, 2]), to=TensorProto.FLOAT)
    bias = g.op("Mul", np.float32([0.5, 0.25, 0.125]).reshape(3, 1, 1), column)
    attended(g, g.op("Add", g.input("scores", ["B", 3, "Q", "K"]), bias))


def sines(g, by="Mul", given=False):
    """A sinusoidal embedding of positions, by products with frequencies or by quotients."""
    positions = g.input("positions", ["B", "S"], TensorProto.FLOAT)
    frequencies = g.input("frequencies", [4]) if given else np.float32([1.0, 0.5, 0.3, 0.1])
    angles = g.op(by, g.op("Unsqueeze", positions, [-1]), frequencies)
    return g.op("Sin", angles), g.op("Cos", angles)


def sines_and_cosines(g, **how):
    g.output(g.op("Concat", *sines(g, **how), axis=-1), rank=3)


def neighbouring_sines(g):
    pairs = g.op("Concat", *(g.op("Unsqueeze", half, [-1]) for half in sines(g)), axis=-1)
    g.output(g.op("Reshape", pairs, [0, 0, -1]), rank=3)


def turned_sines(g):
    """Rows in another order than positions."""
    halves = [g.op("Transpose", half, perm=[1, 0, 2]) for half in sines(g)]
    g.output(g.op("Concat", *halves, axis=-1), rank=3)


def table_of_sines(g, how, padding=None, dtype=np.float64):
    """Rows of a table of sinusoids: looked up, cut to the length of a sequence, or added as they are."""
    angles = (np.arange(9, dtype=dtype)[:, None] * np.array([1.0, 0.3, 0.09], dtype)).astype(np.float64)
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    if padding is not None:
        table[padding] = 0
    x = g.input("x", ["B", 9 if how == "add" else "S", 6])
    if how == "gather":
        table = g.op("Gather", table, g.input("ids", ["B", "S"], TensorProto.INT64))
    elif how == "slice":
        table = g.op("Slice", table[None], [0], g.op("Shape", x, start=1, end=2), [1])
    g.output(g.op("Add", x, table), rank=3)


def attention(g, change=lambda g, scores: scores, weigh=lambda g, p: p, batch="B", sizes=("S", "T")):
    """Scores of queries and keys, changed, their softmax, and the sum of values that it weighs."""
    queries, keys = sizes
    q, k, v = g.input("q", [batch, 4, queries, 8]), g.input("k", ["B", 4, keys, 8]), g.input("v", ["B", 4, keys, 8])
    scores = change(g, g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])))
    g.output(g.op("MatMul", weigh(g, g.op("Softmax", scores, axis=-1)), v), rank=4)


def capped(g, scores):
    return g.op("Mul", g.op("Tanh", g.op("Div", scores, np.float32(20))), np.float32(20))


def hidden(g, scores):
    return g.op("Where", g.input("mask", ["S", "T"], TensorProto.BOOL), scores, np.float32(-np.inf))


def windowed(g, scores):
    """Of nine queries and keys, those within two places of each other."""
    places = g.op("Range", np.int64(0), np.int64(9), np.int64(1))
    apart = g.op("Abs", g.op("Sub", g.op("Unsqueeze", places, [1]), places))
    near = g.op("LessOrEqual", apart, np.int64(2))
    return g.op("Add", scores, g.op("Where", near, np.float32(0), np.float32(-np.inf)))


def guarded(g, p):
    return g.op("Where", g.op("IsNaN", p), np.float32(0), p)


# Attention, and what is none by one stage each.
ATTENTION = [
    lambda g: attention(g, capped),
    lambda g: attention(g, hidden, guarded),
    lambda g: attention(g, lambda g, scores: g.op("Add", scores, g.input("bias", [1, 1, "S", "T"]))),
    lambda g: attention(g, windowed, sizes=(9, 9)),
]
NO_ATTENTION = [
    lambda g: attention(g, weigh=lambda g, p: g.op("Transpose", p, perm=[0, 1, 3, 2])),
    lambda g: attention(g, lambda g, scores: g.op("Relu", scores)),
    lambda g: attention(g, lambda g, scores: g.op("Add", scores, g.input("bias", ["S", "B", 1, 1]))),
    lambda g: attention(g, batch=1),
]


def wild(rest):
    """What is computed from `c`, angles so large that a rounding changes their sines."""
    return f"b = Constant <value = float {{1e7}}> ()  c = Mul(x, b)  {rest}"


def repeated(number):
    """One number in double precision, as often as there are inputs."""
    return f"d = Cast <to = 11> (x)  s = Sub(d, d)  n = Constant <value = double {{{number}}}> ()  y = Add(s, n)"


def files(folder, *paths):
    """The models as this release of ONNX Runtime reads them."""
    return [readable(path, folder) for path in paths]


class Printed:
    """Runs commands and collects their reports."""

    def __init__(self, folder):
        self.folder, self.reports = folder, []

    def path(self, name):
        return self.folder / f"{name}.onnx"

    def print(self, command, *arguments, code=0):
        """What a command prints."""
        environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DYLIB_PATH", "VIRTUAL_ENV")}
        if command in ("fuse", "unfuse", "verify"):
            arguments = (*arguments, "--seeds", 1, *([] if "--engine" in arguments else ["--engine", "tract"]))
        done = subprocess.run([PHASOR, command, *map(str, arguments), "--format", "json"], capture_output=True, text=True, env=environment)
        assert done.returncode == code, f"{command} {arguments}: {done.stderr}"
        return done.stdout

    def batch(self, command, good, bad):
        """Runs a command on two models, of which the second is refused."""
        lines = self.print(command, good, bad, code=2).splitlines()
        for report, line in zip((command, "failure"), lines, strict=True):
            self.reports.append((report, f"{command} {good} {bad}", json.loads(line)))

    def run(self, command, *arguments, code=0, report=None):
        """Runs a command; `report` is the definition that its report obeys, of its own name if none is given."""
        printed = json.loads(self.print(command, *arguments, code=code))
        self.reports.append((report or command, " ".join(map(str, arguments)), printed))
        return printed

    def fuse(self):
        fused = self.path("fused")
        self.run("fuse", LLAMA, "-o", fused)
        self.run("fuse", fused, "-o", self.path("again"))
        self.run("fuse", changed(self.path("bare"), lambda m: m.ClearField("functions"), fused), "--check", code=1)
        self.run("fuse", LLAMA, "--check", code=1)
        self.run("fuse", LLAMA, "-o", self.path("unchecked"), "--no-verify")
        self.run("fuse", LLAMA, "-o", self.path("differs"), "--tolerance", 0, code=1)
        foreign = changed(self.path("foreign"), foreign_output)
        self.run("fuse", foreign, "-o", self.path("not_verified"), "--require-verified", code=1)
        double = built(self.path("double"), CASES["double_precision"][0], dtype=TensorProto.DOUBLE)
        self.run("fuse", double, "-o", self.path("contrib"), "--target", "contrib")
        narrow = built(self.path("narrow"), narrow_tables, opset=23)
        self.run("fuse", narrow, "-o", self.path("repaired"), "--target", "onnx")
        partly = built(self.path("partly"), narrow_tables_and_an_unknown_rank, opset=23)
        self.run("fuse", partly, "--check", "--retarget", "rotary-embedding", code=1)
        for make in (by_matrix_and_angles, by_matrix_and_given_tables, CASES["another_angle_for_each_channel"][0]):
            self.run("fuse", built(self.path("model"), make), "--check", code=1)
        for make in (bias_of_a_table, lambda g: keyed(g, True), sines_and_cosines, lambda g: sines_and_cosines(g, by="Div")):
            self.run("fuse", built(self.path("model"), make), "--check", code=1)
        for make in ATTENTION:
            self.run("fuse", built(self.path("model"), make), "--check", code=1)
        for how in (dict(how="gather", padding=1), dict(how="slice", dtype=np.float32), dict(how="add")):
            self.run("fuse", built(self.path("model"), lambda g: table_of_sines(g, **how)), "--check", "--tables-to-compute", code=1)

    def unfuse(self):
        fused = self.path("fused")
        self.run("unfuse", fused, "-o", self.path("unfused"))
        self.run("unfuse", LLAMA, "-o", self.path("same"))
        self.run("unfuse", changed(self.path("bare"), without_functions, fused), "-o", self.path("by_contract"), "--no-verify")
        self.run("fuse", self.path("foreign"), "-o", self.path("foreign_fused"), "--no-verify")
        self.run("unfuse", self.path("foreign_fused"), "-o", self.path("not_verified"), "--require-verified", code=1)

    def search(self):
        for name in ("gptj-dynamo", "gptneox-torchscript", "llama-f16"):
            self.run("inspect", ROOT / "models" / name / "model.onnx")
        for name in ("rows_of_a_constant_table", "neighbours_in_halves_out"):
            self.run("inspect", built(self.path("model"), CASES[name][0]))
        for make in (two_streams, constant_frequency):
            self.run("inspect", built(self.path("model"), make))
        for dtype in (TensorProto.BFLOAT16, TensorProto.DOUBLE):
            self.run("inspect", built(self.path("model"), CASES["half_precision"][0], dtype=dtype))
        for make in (bias_of_a_table, lambda g: gathered(g, False), lambda g: gathered(g, True), shifted, lambda g: shifted(g, 5), sloped):
            self.run("inspect", built(self.path("model"), make))
        for make in (lambda g: keyed(g, False), lambda g: keyed(g, True)):
            self.run("inspect", built(self.path("model"), make))
        for make in (lambda g: bias_of_a_table(g, remainder), lambda g: gathered(g, False, remainder), logged):
            self.run("explain", built(self.path("model"), make))
        for make in (neighbouring_sines, lambda g: sines_and_cosines(g, given=True), lambda g: sines_and_cosines(g, by="Div")):
            self.run("inspect", built(self.path("model"), make))
        for make in ATTENTION:
            self.run("inspect", built(self.path("model"), make))
        for make in NO_ATTENTION:
            self.run("explain", built(self.path("model"), make))
        self.run("explain", built(self.path("model"), turned_sines))
        self.run("explain", built(self.path("model"), lambda g: table_of_sines(g, "gather")))
        self.run("inspect", LLAMA, "--budget", "steps=100K")
        for existing in ("fused", "narrow"):
            self.run("inspect", self.path(existing))
        self.run("explain", changed(self.path("wrong_sign"), replace_neg("Identity")))
        self.run("explain", changed(self.path("unknown"), replace_neg("Negate", "com.acme")))
        site = self.run("explain", LLAMA)["sites"][0]
        self.run("explain", LLAMA, "--site", site["node"])
        self.run("explain", text(self.path("plain"), "y = Neg(x)"), "--site", "x")

    def verify(self):
        self.run("verify", LLAMA, self.path("fused"))
        if RUNTIME:
            self.run("verify", *files(self.folder, LLAMA, self.path("fused")), "--engine", "ort", "--ort", RUNTIME, "--ops-lib", LIBRARY)
        self.run("verify", self.path("foreign"), self.path("foreign"), code=1)
        pairs = {
            # The second has another shape, or fails.
            "shape": ("y = Neg(x)", "axis = Constant <value = int64[1] {0}> ()  z = Neg(x)  y = Unsqueeze(z, axis)"),
            "error": ("y = Neg(x)", "size = Constant <value = int64[1] {7}> ()  z = Neg(x)  y = Reshape(z, size)"),
            # The first moves by itself, and its NaN do.
            "noise": (wild("y = Sin(c)"), wild("d = Sin(c)  e = Constant <value = float {1.001}> ()  y = Mul(d, e)")),
            "nan": (wild("d = Sin(c)  y = Log(d)"), wild("d = Sin(c)  f = Log(d)  e = Constant <value = float {1.001}> ()  y = Mul(f, e)")),
        }
        for name, (first, second) in pairs.items():
            self.run("verify", text(self.path(f"{name}_1"), first), text(self.path(f"{name}_2"), second), code=1)
        # Differences that overflow.
        huge = [text(self.path(f"huge_{k}"), repeated(number), "double y") for k, number in enumerate(["1.7e308", "-1.7e308"])]
        self.run("verify", *huge, code=1)

    def rules(self):
        self.run("rules")
        self.run("rules", "rotary")

    def others(self):
        self.run("diff", LLAMA, self.path("fused"))
        self.run("report", LLAMA, "-o", self.path("page"))
        self.run("report", LLAMA, self.path("fused"), "-o", self.path("page"), "--force", "--no-verify")
        self.run("doctor")
        self.run("doctor", "--ort", self.path("nobody"), "--ops-lib", self.path("nobody"), code=1)
        if RUNTIME:
            self.run("doctor", "--ort", RUNTIME, "--ops-lib", LIBRARY)
            self.run("doctor", "--ort", RUNTIME, "--ops-lib", LLAMA, code=1)
            for threads in (1, 2):
                timed = self.run(
                    "bench", *files(self.folder, LLAMA, self.path("fused")), "--ort", RUNTIME, "--ops-lib", LIBRARY, "--threads", threads,
                    "--rounds", 2, "--seconds", 0.01,
                )
                assert len(timed["variants"]) == 4 and timed["runs"] >= 8
            for make in (bias_of_a_table, sines_and_cosines):
                original = built(self.path("original"), make)
                self.run("fuse", original, "-o", self.path("timed"), "--force")
                self.run("bench", original, self.path("timed"), "--ort", RUNTIME, "--rounds", 1, "--seconds", 0)
        self.run("inspect", self.path("nobody"), code=2, report="failure")
        self.run("inspect", LLAMA, "--dim", "nobody=3", code=2, report="failure")
        self.batch("inspect", LLAMA, self.path("nobody"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    printed = Printed(tmp_path_factory.mktemp("schema"))
    for part in (printed.fuse, printed.unfuse, printed.search, printed.verify, printed.rules, printed.others):
        part()
    return printed.reports


def checker(definition, kind=jsonschema.Draft202012Validator):
    """A validator for one definition of the schema, or for all of it."""
    schema = SCHEMA if definition is None else {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    return kind(schema)


def complaints(command, report):
    """What the schema says against a report, without positions in lists, so that equal complaints are one."""
    for error in checker(command).iter_errors(report):
        best = jsonschema.exceptions.best_match([error])
        yield f"{command}: {re.sub(r'[0-9]+', '', best.json_path)}: {best.message[:200]}"


def test_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_reports_obey_the_schema(reports):
    found = {text for command, _, report in reports for text in complaints(command, report)}
    assert not found, "\n".join(sorted(found))
    for command, arguments, report in reports:
        assert checker(None).is_valid(report), f"the report of `phasor {command} {arguments}` obeys the definitions of several commands"


def objects(value):
    """Every object inside a value, of lists the first entry."""
    if isinstance(value, list):
        value = value[0] if value else None
        yield from objects(value)
    elif isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)


def test_no_field_can_be_added_or_left_out(reports):
    """The schema is as strict as the test of the reports needs it to be."""
    seen = set()
    for command, _, report in reports:
        validator = checker(command)
        for k, found in enumerate(objects(report)):
            shape = (command, tuple(found))
            # The sizes of a case have names of the model's own.
            if shape in seen or not found or all(isinstance(size, int) for size in found.values()):
                continue
            seen.add(shape)
            more = copy.deepcopy(report)
            list(objects(more))[k]["extra"] = 1
            assert not validator.is_valid(more), f"{shape}: a field can be added"
            for field in found:
                less = copy.deepcopy(report)
                del list(objects(less))[k][field]
                assert not validator.is_valid(less), f"{shape}: `{field}` can be left out"
    assert len(seen) > 20


def parts(schema, path=""):
    """The parts of the schema with their paths."""
    for name, part in schema.get("$defs", {}).items():
        yield from parts(part, name)
    for name, part in schema.get("properties", {}).items():
        yield from parts(part, f"{path}.{name}")
    for part in schema.get("oneOf", []):
        yield from parts(part, path)
    if "items" in schema:
        yield from parts(schema["items"], f"{path}[]")
    yield path, schema


def alternatives():
    """What each part of the schema leaves open: its words, and whether it is null."""
    for path, part in parts(SCHEMA):
        words = part.get("enum", [])
        types = part["type"] if isinstance(part.get("type"), list) else []
        yield from ((id(part), path, word) for word in [*words, *types])
        if "const" in part:
            yield id(part), path, part["const"]


def test_everything_that_the_schema_allows_is_printed(reports):
    seen = set()

    def watch(keyword, alternatives_of):
        check = jsonschema.Draft202012Validator.VALIDATORS[keyword]

        def watched(validator, wanted, instance, schema):
            errors = list(check(validator, wanted, instance, schema))
            if not errors:
                seen.add((id(schema), alternatives_of(wanted, instance)))
            return iter(errors)
        return watched

    def kind(wanted, instance):
        return "null" if instance is None else wanted[0]

    watching = jsonschema.validators.extend(jsonschema.Draft202012Validator, {
        "enum": watch("enum", lambda _, word: word),
        "const": watch("const", lambda _, word: word),
        "type": watch("type", kind),
    })
    for command, _, report in reports:
        assert checker(command, watching).is_valid(report)
    missing = {(path, word) for part, path, word in alternatives() if (part, word) not in seen}
    # Element types are those of ONNX, and most of them come with no model.
    missing = {(path, word) for path, word in missing if path != "element_type"}
    # A machine has a driver of CUDA or has none.
    driver = next(report["cuda"]["version"] for command, _, report in reports if command == "doctor")
    unseen = UNSEEN | {("cuda.version", "null" if driver else "string"), ("cuda.problem", "string" if driver else "null")}
    assert missing == unseen, missing ^ unseen


def test_element_types_are_those_of_onnx():
    names = {name.lower() for name in TensorProto.DataType.keys()} - {"undefined"}
    assert names <= set(SCHEMA["$defs"]["element_type"]["enum"])


def test_rules_are_those_of_the_program(reports):
    rules = next(report["rules"] for command, arguments, report in reports if (command, arguments) == ("rules", ""))
    names = [rule["id"] for rule in rules]
    assert SCHEMA["$defs"]["rule"]["enum"] == names
    assert set(SCHEMA["$defs"]["refusal"]["properties"]["rule"]["enum"]) <= {*names, "search"}


def test_json_md_mentions_every_field_and_word():
    mentioned = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "json.md").read_text()))
    fields = {name for _, part in parts(SCHEMA) for name in part.get("properties", {})}
    words = {word for path, part in parts(SCHEMA) if path != "element_type" for word in part.get("enum", []) if isinstance(word, str)}
    missing = (fields | words) - mentioned
    assert not missing, missing
