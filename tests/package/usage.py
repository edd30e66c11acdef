"""How the package is used, for type checkers: `mypy --strict` and `pyright` accept this file, and the tests run it."""
from __future__ import annotations

import pathlib
import sys
from typing import Literal

import onnx
import onnxruntime  # type: ignore[import-untyped]

import phasor
from phasor.reports import Comparison, RuleSummary
from phasor.sites import RotarySite


def fuse(model: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """The layouts of the rotary sites of a model, which is fused into a file."""
    report = phasor.fuse(model, folder / "fused.onnx", select=["rotary"], dims={"batch": 2}, budget={"steps": 10**9})
    nothing: None = report.result
    assert nothing is None and report.written is not None
    rules: tuple[RuleSummary, ...] = report.rules
    assert [rule.rule for rule in rules] == ["rotary"]
    return [site.pairing for site in report.sites if isinstance(site, RotarySite)]


def in_memory(model: pathlib.Path) -> onnx.ModelProto:
    """The fused model, with each kind that can be given."""
    of_bytes: bytes = phasor.fuse(model.read_bytes(), engine="tract", seeds=1).result
    of_path: bytes = phasor.fuse(model, verify=False, progress=print).result
    assert of_bytes == of_path
    return phasor.fuse(onnx.load(str(model)), verify=False).result


def checked(model: pathlib.Path) -> Literal["fused", "nothing-to-fuse", "would-fuse", "differs", "not-verified"]:
    """Whether there is something to fuse."""
    return phasor.fuse(model, check=True).verdict


def compared(one: pathlib.Path, other: bytes) -> Comparison:
    """The comparison of two models."""
    return phasor.verify(one, other, tolerance=1e-4)


def refused(model: bytes) -> str:
    """What is wrong with a model."""
    try:
        phasor.inspect(model)
    except phasor.Differs as error:
        return error.report.verdict
    except phasor.Error as error:
        return error.hint or error.message
    return ""


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session with the operator library."""
    options: onnxruntime.SessionOptions = phasor.register(onnxruntime.SessionOptions())
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def main(model: pathlib.Path, folder: pathlib.Path) -> None:
    """Runs all of it."""
    assert fuse(model, folder) == ["half"] * 4
    fused = in_memory(model)
    assert checked(model) == "would-fuse"
    assert compared(model, fused.SerializeToString()).verdict == "same"
    assert refused(b"\x08\x07") != ""
    assert session(fused).get_inputs()
    assert phasor.unfuse(fused).result.graph.node
    assert phasor.report(model, fused, bench=None).html.startswith("<!DOCTYPE html>")
    assert phasor.rules("rotary").rules[0].stages and phasor.explain(model, "add_191").sites


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
