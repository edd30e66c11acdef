"""`phasor fuse --plain`: sites as standard nodes, in graphs, bodies and functions, under every target."""
import subprocess

import numpy as np
import onnx
import pytest

from conftest import MODELS, PHASOR, VERSION, difference, readable, run, session
from test_scopes import MODELS as BODIES
from test_scopes import fuse, inputs, written

TARGETS = ["phasor", "contrib", "onnx"]


def nodes(graph):
    """All nodes of a graph and of the bodies in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes(attribute.g)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_models_need_no_functions(folder, target, tmp_path):
    out = tmp_path / "plain.onnx"
    done, report = fuse(folder / "model.onnx", out, "--plain", "all", "--target", target, "--engine", "tract")
    assert done.returncode == 0 and report["sites"] and not report["unsupported"], done.stderr
    assert report["verification"]["verdict"] == "same"
    plain = onnx.load(str(out))
    onnx.checker.check_model(plain)
    assert not plain.functions and not any(node.domain for node in nodes(plain.graph))
    names = [node.name for node in nodes(plain.graph)]
    assert len(set(names)) == len(names)
    told = [entry.value for node in plain.graph.node for entry in node.metadata_props if entry.key == "phasor.rule"]
    assert sorted(told) == sorted(site["rule"] for site in report["sites"])
    if target == "onnx" and VERSION < (1, 23):
        return
    half = folder.name.endswith("f16")
    for values in sorted(folder.glob("inputs_*.npz")):
        expected = dict(np.load(values.with_name(values.name.replace("inputs", "expected"))))
        got = run(session(readable(out, tmp_path)), dict(np.load(values)))
        assert difference(got, expected) <= (2e-2 if half else 2e-4)


@pytest.mark.parametrize("name", BODIES)
def test_sites_in_bodies_and_functions_keep_their_numbers(name, tmp_path):
    text, sites, _ = BODIES[name]
    path, out = written(tmp_path, text), tmp_path / "plain.onnx"
    done, report = fuse(path, out, "--plain", "all", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert len(report["sites"]) == sites
    plain = onnx.load(str(out))
    inside = [node for function in plain.functions for node in nodes(function)]
    assert not any(node.domain == "ai.phasor" for node in [*nodes(plain.graph), *inside])
    for length in (3, 6):
        values = inputs(path, length)
        assert difference(run(session(out), values), run(session(path), values)) < 2e-6


def test_only_what_is_named_is_written_out(tmp_path):
    model, out = MODELS[0].parent / "llama-dynamo" / "model.onnx", tmp_path / "out.onnx"
    done, _ = fuse(model, out, "--plain", "attention", "--engine", "tract")
    assert done.returncode == 0, done.stderr
    assert sorted(function.name for function in onnx.load(str(out)).functions) == ["RotaryHeads", "RotaryTable"]


def test_a_rule_that_there_is_not_is_refused(tmp_path):
    command = [PHASOR, "fuse", MODELS[0] / "model.onnx", "-o", tmp_path / "out.onnx", "--plain", "rotations"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "there is no rule `rotations`" in done.stderr and "hint: the rules are" in done.stderr
    assert not (tmp_path / "out.onnx").exists()
