"""How Sphinx makes the book. `docs/book.py` gathers the pages, and says in `PHASOR_ROOT` where the checkout is."""
import os
import pathlib
import re
import tomllib

from docutils import nodes
from sphinx import addnodes

ROOT = pathlib.Path(os.environ["PHASOR_ROOT"])
PACKAGE = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]

project = "Phasor"
release = version = PACKAGE["version"]
author = copyright = "the Phasor authors"
extensions = ["myst_parser", "sphinx_copybutton"]

# Anchors as GitHub makes them, for headings of every level.
myst_heading_anchors = 6

html_theme = "furo"
html_title = f"Phasor {release}"
html_static_path = ["static"]
html_css_files = ["book.css"]
# Text stays as it is written, dashes of options too.
smartquotes = False
html_copy_source = False
html_show_sourcelink = False
# Commands are shown without a prompt, and output in blocks of text is not to be copied into a shell.
copybutton_selector = "div.highlight:not(.highlight-text div.highlight) pre"


def children(app, docname, source):
    """Makes the README of a folder the parent of the pages that it links to in its folder, in its order."""
    if not docname.endswith("/README"):
        return
    pages = dict.fromkeys(re.findall(r"\]\(([\w-]+)\.md\)", source[0]))
    source[0] += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def outside(app, doctree):
    """Leads links to files and folders of the checkout that are no pages to the repository. Others stay as they are; a broken one is an error."""
    folder = ROOT / pathlib.PurePosixPath(app.env.docname).parent
    for node in list(doctree.findall(addnodes.pending_xref)):
        target = node["reftarget"].split("#")[0]
        path = (folder / target).resolve()
        if node["reftype"] != "myst" or node["refdomain"] == "doc" or not target or not path.exists() or not path.is_relative_to(ROOT):
            continue
        uri = f"{PACKAGE['repository']}/{'tree' if path.is_dir() else 'blob'}/main/{path.relative_to(ROOT).as_posix()}"
        node.replace_self(nodes.reference("", "", *node.children, internal=False, refuri=uri))


def setup(app):
    app.connect("source-read", children)
    app.connect("doctree-read", outside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
