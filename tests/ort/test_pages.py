"""The pages of `docs/operators`: examples run, and printed function bodies are what ONNX's own parser takes them for."""

import pathlib
import re

import common
import onnx
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.stem != "README")


def block(page, heading, language):
    """The first block of code below a heading."""
    text = page.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1]
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL).group(1)


def test_there_are_pages():
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_example_runs(page, ort, library, monkeypatch):
    monkeypatch.setenv("PHASOR_OPS_LIB", library)
    exec(compile(block(page, "Example", "python"), str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_printed_body_is_the_body(page, function_body):
    printed = onnx.parser.parse_function(block(page, "Function body", "text"))
    opset = printed.opset_import[0].version
    expected = common.function(function_body(page.stem, opset), opset)
    for node in [*printed.node, *expected.node]:
        node.name = ""
        for attribute in node.attribute:
            attribute.t.name = ""
            if not attribute.HasField("t") or not attribute.t.data_type:
                attribute.ClearField("t")
    assert [str(n) for n in printed.node] == [str(n) for n in expected.node]
    for field in ["name", "domain", "input", "output"]:
        assert getattr(printed, field) == getattr(expected, field)
    attributes = [sorted((a.name, onnx.helper.get_attribute_value(a)) for a in f.attribute_proto) for f in (printed, expected)]
    assert attributes[0] == attributes[1]
