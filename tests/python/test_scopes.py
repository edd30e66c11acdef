"""Rotary embeddings inside the bodies of If, Loop and Scan nodes and inside model-local functions: fused there, with the same numbers."""
import json
import subprocess

import numpy as np
import onnx
import onnx.parser
import pytest

from conftest import LIBRARY, PHASOR, difference, run, session

HEADER = '<ir_version: 8, opset_import: ["" : 17{imports}]>'


def rotation(x, y, cos="cos", sin="sin", tag=""):
    """`y` = `x` rotated by halves of 8 channels, as exporters spell it."""
    t = tag or y
    return f"""
        {t}_zero = Constant <value = int64[1] {{0}}> ()
        {t}_four = Constant <value = int64[1] {{4}}> ()
        {t}_eight = Constant <value = int64[1] {{8}}> ()
        {t}_last = Constant <value = int64[1] {{-1}}> ()
        {t}_low = Slice({x}, {t}_zero, {t}_four, {t}_last)
        {t}_high = Slice({x}, {t}_four, {t}_eight, {t}_last)
        {t}_a = Mul({t}_low, {cos})
        {t}_b = Mul({t}_high, {sin})
        {t}_c = Mul({t}_high, {cos})
        {t}_d = Mul({t}_low, {sin})
        {t}_first = Sub({t}_a, {t}_b)
        {t}_second = Add({t}_c, {t}_d)
        {y} = Concat <axis = -1> ({t}_first, {t}_second)
    """


def tables(scale="1.0", t="a", cos="cos", sin="sin"):
    """`cos` and `sin` [S, 4] of `positions` [S]."""
    return f"""
        {t}_frequencies = Constant <value = float[1, 4] {{1.0, 0.3, 0.1, 0.03}}> ()
        {t}_scale = Constant <value = float {{{scale}}}> ()
        {t}_floats = Cast <to = 1> (positions)
        {t}_axis = Constant <value = int64[1] {{1}}> ()
        {t}_column = Unsqueeze({t}_floats, {t}_axis)
        {t}_scaled = Mul({t}_frequencies, {t}_scale)
        {t}_angles = Mul({t}_column, {t}_scaled)
        {cos} = Cos({t}_angles)
        {sin} = Sin({t}_angles)
    """


MODELS = {}


def model(sites, inside, imports=""):
    """Registers a model written as text; `sites` are expected in all, `inside` fused nodes outside the main graph."""
    def register(function):
        MODELS[function.__name__] = (HEADER.format(imports=imports) + function(), sites, inside)
        return function
    return register


INTERFACE = "main (float[B, 2, S, 8] x, int64[S] positions) => (float[B, 2, S, 8] y)"


@model(sites=2, inside=2)
def branches_with_angles_of_their_own():
    # Dynamic NTK: beyond a length the frequencies change.
    return INTERFACE + "{" + f"""
        count = Shape <start = 2, end = 3> (x)
        limit = Constant <value = int64[1] {{4}}> ()
        long = Greater(count, limit)
        y = If (long) <
            then_branch = long_branch () => (float[B, 2, S, 8] y_long) {{ {tables("0.5", "l")} {rotation("x", "y_long")} }},
            else_branch = short_branch () => (float[B, 2, S, 8] y_short) {{ {tables("1.0", "s")} {rotation("x", "y_short")} }}
        >
    """ + "}"


@model(sites=1, inside=0)
def tables_chosen_by_a_branch():
    return INTERFACE + "{" + f"""
        count = Shape <start = 2, end = 3> (x)
        limit = Constant <value = int64[1] {{4}}> ()
        long = Greater(count, limit)
        cos, sin = If (long) <
            then_branch = long_branch () => (float[S, 4] c1, float[S, 4] s1) {{ {tables("0.5", "l", "c1", "s1")} }},
            else_branch = short_branch () => (float[S, 4] c2, float[S, 4] s2) {{ {tables("1.0", "s", "c2", "s2")} }}
        >
        {rotation("x", "y")}
    """ + "}"


@model(sites=2, inside=1)
def tables_from_outside_and_a_site_there():
    return "main (float[B, 2, S, 8] x, int64[S] positions, bool flag) => (float[B, 2, S, 8] y, float[B, 2, S, 8] z)" + "{" + f"""
        {tables()}
        {rotation("x", "z")}
        doubled = Add(x, x)
        y = If (flag) <
            then_branch = yes () => (float[B, 2, S, 8] y_yes) {{ {rotation("doubled", "y_yes")} }},
            else_branch = no () => (float[B, 2, S, 8] y_no) {{ y_no = Neg(doubled) }}
        >
    """ + "}"


def products(x, y):
    """The same, as a sum of two products. A rotation of `y` is one of either."""
    return f"""
        {y}_zero = Constant <value = int64[1] {{0}}> ()
        {y}_four = Constant <value = int64[1] {{4}}> ()
        {y}_eight = Constant <value = int64[1] {{8}}> ()
        {y}_last = Constant <value = int64[1] {{-1}}> ()
        {y}_low = Slice({x}, {y}_zero, {y}_four, {y}_last)
        {y}_high = Slice({x}, {y}_four, {y}_eight, {y}_last)
        {y}_negative = Neg({y}_high)
        {y}_turned = Concat <axis = -1> ({y}_negative, {y}_low)
        {y}_straight = Mul({x}, cos)
        {y}_across = Mul({y}_turned, sin)
        {y} = Add({y}_straight, {y}_across)
    """


@model(sites=2, inside=1)
def sites_of_what_the_site_around_is_made_of():
    return "main (float[B, 2, S, 8] x, int64[S] positions, bool flag) => (float[B, 2, S, 8] y)" + "{" + f"""
        {tables(cos="half_cos", sin="half_sin")}
        cos = Concat <axis = -1> (half_cos, half_cos)
        sin = Concat <axis = -1> (half_sin, half_sin)
        {products("x", "turned")}
        y = If (flag) <
            then_branch = yes () => (float[B, 2, S, 8] y_yes) {{ {products("x", "y_yes")} }},
            else_branch = no () => (float[B, 2, S, 8] y_no) {{ y_no = Neg(turned) }}
        >
    """ + "}"


def nested(depth):
    """The rotation inside `depth` If nodes."""
    text = rotation("x", "y0")
    for k in range(1, depth + 1):
        text = f"""
            y{k} = If (flag) <
                then_branch = yes{k} () => (float[B, 2, S, 8] y{k - 1}) {{ {text} }},
                else_branch = no{k} () => (float[B, 2, S, 8] n{k}) {{ n{k} = Neg(x) }}
            >
        """
    return text


@model(sites=1, inside=1)
def branches_inside_branches():
    return "main (float[B, 2, S, 8] x, int64[S] positions, bool flag) => (float[B, 2, S, 8] y5)" + "{" + tables() + nested(5) + "}"


def loop(kind):
    return INTERFACE + "{" + f"""
        {tables()}
        layers = Constant <value = int64 {{3}}> ()
        true = Constant <value = bool {{1}}> ()
        weights = Constant <value = float[8] {{1.0, 0.5, -1.0, 2.0, 0.25, 1.5, -0.5, 1.0}}> ()
        y = Loop (layers, true, x) <
            body = layer (int64 step, bool go, {kind} h) => (bool go_on, {kind} h_next) {{
                go_on = Identity(go)
                q = Mul(h, weights)
                {rotation("q", "q_rotated")}
                h_next = Add(h, q_rotated)
            }}
        >
    """ + "}"


@model(sites=1, inside=1)
def loop_over_layers():
    return loop("float[B, 2, S, 8]")


@model(sites=1, inside=1)
def loop_whose_body_says_no_shapes():
    return loop("float[]")


@model(sites=1, inside=1)
def scan_over_the_batch():
    return INTERFACE + "{" + f"""
        {tables()}
        y = Scan (x) <
            num_scan_inputs = 1,
            body = one (float[2, S, 8] q) => (float[2, S, 8] q_rotated) {{ {rotation("q", "q_rotated")} }}
        >
    """ + "}"


ROPE = '<opset_import: ["" : 17], domain: "pkg"> rope (x, cos, sin) => (y) {' + rotation("x", "y") + "}"
HALF = '<opset_import: ["" : 17], domain: "pkg"> rotate_half (x) => (y) {' + """
    zero = Constant <value = int64[1] {0}> ()
    four = Constant <value = int64[1] {4}> ()
    eight = Constant <value = int64[1] {8}> ()
    last = Constant <value = int64[1] {-1}> ()
    low = Slice(x, zero, four, last)
    high = Slice(x, four, eight, last)
    negative = Neg(high)
    y = Concat <axis = -1> (negative, low)
}"""
QK = "main (float[B, 4, S, 8] q, float[B, 2, S, 8] k, int64[S] positions) => (float[B, 4, S, 8] yq, float[B, 2, S, 8] yk)"
PKG = ', "pkg" : 1'


@model(sites=2, inside=0, imports=PKG)
def calls_that_are_rotations():
    return QK + "{" + tables() + """
        yq = pkg.rope(q, cos, sin)
        yk = pkg.rope(k, cos, sin)
    }""" + ROPE


@model(sites=2, inside=0, imports=PKG)
def rotations_that_contain_calls():
    return QK + "{" + tables(cos="half_cos", sin="half_sin") + """
        cos = Concat <axis = -1> (half_cos, half_cos)
        sin = Concat <axis = -1> (half_sin, half_sin)
        turned_q = pkg.rotate_half(q)
        straight_q = Mul(q, cos)
        across_q = Mul(turned_q, sin)
        yq = Add(straight_q, across_q)
        turned_k = pkg.rotate_half(k)
        straight_k = Mul(k, cos)
        across_k = Mul(turned_k, sin)
        yk = Add(straight_k, across_k)
    }""" + HALF


@model(sites=1, inside=1, imports=PKG)
def function_around_a_rotation():
    return QK + "{" + tables() + """
        yq = pkg.attention(q, cos, sin)
        yk = pkg.attention(k, cos, sin)
    }""" + '<opset_import: ["" : 17], domain: "pkg"> attention (x, cos, sin) => (z) {' + """
        two = Constant <value = float {2.0}> ()
        doubled = Mul(x, two)
    """ + rotation("doubled", "y") + "z = Softmax <axis = -1> (y) }"


@model(sites=1, inside=1, imports=PKG)
def function_in_function_with_angles_inside():
    return QK + """{
        yq = pkg.layer(q, positions)
        yk = pkg.layer(k, positions)
    }""" + '<opset_import: ["" : 17, "pkg" : 1], domain: "pkg"> layer (x, positions) => (z) {' + tables() + """
        y = pkg.rope(x, cos, sin)
        z = Softmax <axis = -1> (y)
    }""" + ROPE


@model(sites=2, inside=2, imports=PKG)
def function_with_two_results():
    return QK + "{" + tables() + """
        yq, yk = pkg.both(q, k, cos, sin)
    }""" + '<opset_import: ["" : 17], domain: "pkg"> both (q, k, cos, sin) => (rq, rk) {' + rotation("q", "rq") + rotation("k", "rk") + "}"


@model(sites=1, inside=1, imports=PKG)
def branch_in_a_function():
    return "main (float[B, 2, S, 8] x, int64[S] positions, bool flag) => (float[B, 2, S, 8] y)" + "{" + tables() + """
        y = pkg.maybe(x, cos, sin, flag)
    }""" + '<opset_import: ["" : 17], domain: "pkg"> maybe (x, cos, sin, flag) => (y) {' + """
        y = If (flag) <""" + f"""
            then_branch = yes () => (float[B, 2, S, 8] y_yes) {{ {rotation("x", "y_yes")} }},
            else_branch = no () => (float[B, 2, S, 8] y_no) {{ y_no = Neg(x) }}
        >
    """ + "}"


@model(sites=1, inside=1, imports=PKG)
def call_in_a_branch():
    return "main (float[B, 2, S, 8] x, int64[S] positions, bool flag) => (float[B, 2, S, 8] y)" + "{" + tables() + """
        y = If (flag) <
            then_branch = yes () => (float[B, 2, S, 8] y_yes) { y_yes = pkg.rope(x, cos, sin) },
            else_branch = no () => (float[B, 2, S, 8] y_no) { y_no = Neg(x) }
        >
    }""" + ROPE


def sliding(first, second):
    """A function whose attribute says which axis its halves lie along."""
    body = rotation("x", "y").replace("<axis = -1>", "<axis : int = @axis>")
    return QK + "{" + tables() + f"""
        yq = pkg.attention <axis = {first}> (q, cos, sin)
        yk = pkg.attention <axis = {second}> (k, cos, sin)
    }}""" + '<opset_import: ["" : 17], domain: "pkg"> attention <axis> (x, cos, sin) => (z) {' + body + "z = Softmax <axis = -1> (y) }"


@model(sites=1, inside=1, imports=PKG)
def attribute_that_all_calls_share():
    return sliding(-1, -1)


def fuse(path, out, *arguments):
    done = subprocess.run([PHASOR, "fuse", str(path), "-o", str(out), "--format", "json", *arguments], capture_output=True, text=True)
    return done, json.loads(done.stdout) if done.stdout else None


def name(nodes):
    """Names nodes after their outputs; 1.20.1 cannot expand functions with two nameless slices."""
    for node in nodes:
        node.name = node.output[0]
        for attribute in node.attribute:
            name(attribute.g.node)


def written(tmp_path, text):
    parsed = onnx.parser.parse_model(text)
    onnx.checker.check_model(parsed)
    for nodes in [parsed.graph.node, *(f.node for f in parsed.functions)]:
        name(nodes)
    path = tmp_path / "model.onnx"
    onnx.save(parsed, str(path))
    return path


def fused_nodes(model):
    """Fused nodes of the main graph, and of bodies and functions."""
    def count(nodes):
        here = inside = 0
        for node in nodes:
            here += node.domain == "ai.phasor" and node.op_type in ("RotaryEmbedding", "RotaryEmbeddingPair", "RotaryHeads")
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    inside += sum(count(attribute.g.node))
        return here, inside
    main, bodies = count(model.graph.node)
    functions = sum(sum(count(f.node)) for f in model.functions if f.domain != "ai.phasor")
    return main, bodies + functions


def inputs(path, length):
    rng = np.random.default_rng(length)
    made = {}
    for info in onnx.load(str(path)).graph.input:
        sizes = [d.dim_value or {"B": 2, "S": length}[d.dim_param] for d in info.type.tensor_type.shape.dim]
        made[info.name] = {
            onnx.TensorProto.FLOAT: lambda: rng.standard_normal(sizes).astype(np.float32),
            onnx.TensorProto.INT64: lambda: np.arange(length, dtype=np.int64) + 3,
            onnx.TensorProto.BOOL: lambda: np.array(True),
        }[info.type.tensor_type.elem_type]()
    return made


@pytest.mark.parametrize("case", MODELS)
def test_sites_are_fused_where_they_are(case, tmp_path):
    text, sites, inside = MODELS[case]
    path, out = written(tmp_path, text), tmp_path / "fused.onnx"
    done, report = fuse(path, out, "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (len(report["sites"]), report["refusals"]) == (sites, [])
    fused = onnx.load(str(out))
    assert fused_nodes(fused) == (sites - inside, inside)
    onnx.checker.check_model(fused)
    for length in (3, 6):
        given = inputs(path, length)
        want = run(session(path), given)
        assert difference(run(session(out), given), want) < 2e-6
        assert difference(run(session(out, LIBRARY), given), want) < 2e-6


def test_calls_with_different_attributes_are_told(tmp_path):
    path = written(tmp_path, HEADER.format(imports=PKG) + sliding(-1, 3))
    done, report = fuse(path, tmp_path / "fused.onnx", "--no-verify")
    assert done.returncode == 0 and report["verdict"] == "nothing-to-fuse", done.stderr
    (refusal,) = report["refusals"]
    assert "axis" in refusal["reason"] and "pkg::attention" in refusal["node"]


def test_functions_that_double_end(tmp_path):
    levels = 40
    functions = "".join(
        f"""<opset_import: ["" : 17, "pkg" : 1], domain: "pkg"> f{k} (x) => (y) {{ a = pkg.f{k + 1}(x)  y = pkg.f{k + 1}(a) }}"""
        for k in range(levels)
    )
    last = f"""<opset_import: ["" : 17], domain: "pkg"> f{levels} (x) => (y) {{ a = Mul(x, x)  b = Mul(x, a)  y = Add(a, b) }}"""
    main = "main (float[B, 2, S, 8] x) => (float[B, 2, S, 8] y) { y = pkg.f0(x) }"
    path = tmp_path / "model.onnx"
    onnx.save(onnx.parser.parse_model(HEADER.format(imports=PKG) + main + functions + last), str(path))
    done = subprocess.run([PHASOR, "inspect", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "0 sites" in done.stdout, done.stderr
