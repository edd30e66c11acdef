"""Every snippet of `docs/python.md`, and the Python of the README, runs."""
import contextlib
import io
import re

import pytest

from conftest import ROOT

BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_snippets_run_and_print_what_they_show(model, monkeypatch):
    """A block of text after a snippet is what it prints; `...` stands for anything."""
    monkeypatch.chdir(model.parent)
    scope, printed = {}, ""
    blocks = BLOCK.findall((ROOT / "docs" / "python.md").read_text())
    assert sum(language == "python" for language, _ in blocks) > 5
    for language, block in blocks:
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block, "docs/python.md", "exec"), scope)
            printed = out.getvalue()
        else:
            expected = re.escape(block).replace(r"\.\.\.", ".*")
            assert re.fullmatch(expected, printed, re.DOTALL), f"{printed}\n{block}"


def test_the_readme_runs(model, monkeypatch):
    monkeypatch.chdir(model.parent)
    blocks = [block for language, block in BLOCK.findall((ROOT / "README.md").read_text()) if language == "python"]
    if not blocks:
        pytest.fail("the README shows no Python")
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
