"""Every snippet of `docs/python.md`, and the Python of the README, runs."""
import contextlib
import io
import sys

from conftest import ROOT

sys.path.append(str(ROOT / "tests" / "docs"))
import blocks  # noqa: E402
import output  # noqa: E402


def test_snippets_run_and_print_what_they_show(model, monkeypatch):
    """A block of text after a snippet is what it prints."""
    monkeypatch.chdir(model.parent)
    scope, printed = {}, ""
    found = [block for block in blocks.read("docs/python.md") if block.language in ("python", "text")]
    assert sum(block.language == "python" for block in found) > 5
    for block in found:
        if block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block.text, str(block), "exec"), scope)
            printed = out.getvalue()
        else:
            why = output.mismatch(block.text, printed)
            assert why is None, f"{block}: {why}\n{printed}"


def test_the_readme_runs(tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    found = [block for block in blocks.read("README.md") if block.language == "python"]
    assert found, "the README shows no Python"
    for block in found:
        exec(compile(block.text, str(block), "exec"), {})
