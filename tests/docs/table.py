"""What becomes of the blocks of the documentation.

`sh` and `python` blocks run, and what follows them is compared with what they print, unless the table names them. Most pages run in
`tests/docs.py`; a page of `DEPLOYED` in `tests/deploy.py`, with the packages that its example pins. A block is named by its page, which may be
a pattern, and by how its first line begins.
"""
import dataclasses
import fnmatch

import blocks


@dataclasses.dataclass(frozen=True)
class Entry:
    page: str
    first: str

    def names(self, block):
        return fnmatch.fnmatchcase(block.page, self.page) and block.first.startswith(self.first)

    def wrong(self, block):
        """Why a block is not what the entry says of it, or None."""
        return None


@dataclasses.dataclass(frozen=True)
class Elsewhere(Entry):
    """Something else runs it."""

    where: str

    def wrong(self, block):
        script = self.where.split()[0]
        return None if (blocks.ROOT / script).exists() else f"there is no `{script}`, which is to run it"


@dataclasses.dataclass(frozen=True)
class Left(Entry):
    """It does not run, for a reason."""

    why: str


@dataclasses.dataclass(frozen=True)
class Saved(Entry):
    """The blocks after it find it in a file."""

    file: str


@dataclasses.dataclass(frozen=True)
class Quoted(Entry):
    """It stands in a file that tests use: the words of each of its lines are, in their order, among those of a line there."""

    file: str

    def wrong(self, block):
        lines = [line.split() for line in (blocks.ROOT / self.file).read_text(encoding="utf-8").splitlines()]
        for line in block.text.splitlines():
            if not any(within(line.split(), words) for words in lines):
                return f"`{self.file}` does not have `{line.strip()}`"
        return None


def within(few, many):
    """Whether words are among others, in their order."""
    rest = iter(many)
    return all(word in rest for word in few)


# Pages whose example tests/deploy.py runs, by the name that it has there.
DEPLOYED = {
    "docs/deploy/cpp.md": "cpp",
    "docs/deploy/node.md": "node",
    "docs/deploy/olive.md": "olive",
    "docs/deploy/pre-commit.md": "pre-commit",
    "docs/deploy/ray-serve.md": "ray-serve",
    "docs/deploy/rust.md": "rust",
    "docs/deploy/torch.md": "torch",
    "docs/deploy/triton.md": "triton",
    "docs/deploy/web.md": "web",
}

# Blocks that run in a folder of their own, where no ONNX Runtime is found: others follow that do the same in another way.
FRESH = [("README.md", "cargo run --release -- fuse models/llama-dynamo/model.onnx")]

RUST = "part of a program; `examples/deploy/rust` has all of it"
JAVASCRIPT = "part of a program; the example has all of it"
CPP = "tests/deploy/cpp.py compiles it"
TABLE = [
    Elsewhere("README.md", "import phasor", "tests/package/test_docs.py"),
    Elsewhere("README.md", "import numpy", "tests/package/test_docs.py"),
    Quoted("README.md", "python3 tests/run.py", ".ci/run"),
    Elsewhere("README.md", "Ort::Env env;", "tests/deploy/cpp.py"),
    Left("README.md", "let environment", RUST),
    Left("README.md", "use phasor::tract", RUST),
    Left("README.md", "model_operations", "one entry of a configuration; docs/deploy/triton.md has all of it"),
    Quoted("CONTRIBUTING.md", "cargo fmt --all", ".ci/run"),
    Left("CONTRIBUTING.md", "python3.11 -m venv", "downloads PyTorch, and exports models for minutes"),
    Elsewhere("ops/README.md", "cargo build --release", "tests/crates.py"),
    Left("ops/README.md", "options.register_custom_ops_library", "part of a program; `tests/ort` does it in every test"),
    Left("docs/architecture.md", "model.onnx", "a drawing"),
    *(Left("docs/background.md", first, "a formula") for first in ("e(p)", "a' =", "Re( z_q")),
    Left("docs/background.md", "x * x.cos()", "part of a module of PyTorch that is wrong on purpose"),
    Left("docs/background.md", "angle =", "part of a module of PyTorch"),
    Elsewhere("docs/commands.md", "", "tests/docs/commands.py"),
    Elsewhere("docs/order.md", "", "tests/hosts.py"),
    Left("docs/python.md", "pip install .", "tests/package.py installs the wheel that this builds"),
    Elsewhere("docs/python.md", "", "tests/package/test_docs.py"),
    Left("docs/releasing.md", "python3 -m venv", "makes a release: compiles everything for another target"),
    Left("docs/releasing.md", "cargo publish", "publishes a release"),
    Elsewhere("docs/operators/*.md", "import ", "tests/ort/test_pages.py"),
    Elsewhere("docs/operators/*.md", "", "ops/tests/pages.rs"),
    Elsewhere("docs/deploy/cpp.md", "Ort::SessionOptions options;", "tests/deploy/cpp.py"),
    Elsewhere("docs/deploy/cpp.md", "#include", "tests/deploy/cpp.py"),
    Saved("docs/configuration.md", "# phasor.toml", "phasor.toml"),
    Saved("docs/configuration.md", "# pyproject.toml", "pyproject.toml"),
    Left("docs/deploy/cpp.md", "find_package(phasor", "part of a project; the example has these lines"),
    Left("docs/deploy/csharp.md", "", "needs .NET, which no registry that the tests use has"),
    Left("docs/deploy/java.md", "", "needs ONNX Runtime's jar, which no registry that the tests use has; tests/deploy/java.py compiles the example"),
    Left("docs/deploy/node.md", "import * as ort", JAVASCRIPT),
    Saved("docs/deploy/olive.md", "{", "config.json"),
    Saved("docs/deploy/pre-commit.md", "repos:", ".pre-commit-config.yaml"),
    Left("docs/deploy/pre-commit.md", "- id: phasor-fuse-system", "part of a configuration"),
    Quoted("docs/deploy/pre-commit.md", "steps:", "examples/deploy/pre_commit/workflow.yml"),
    Left("docs/deploy/ray-serve.md", "import numpy", "a server that does not end; the example has the same class"),
    Left("docs/deploy/rust.md", "let environment", RUST),
    Left("docs/deploy/rust.md", "use phasor::tract", RUST),
    Left("docs/deploy/rust.md", "let mut onnx", RUST),
    Left("docs/deploy/rust.md", "ort = {", "what a user's Cargo.toml has"),
    Left("docs/deploy/rust.md", "phasor = {", "what a user's Cargo.toml has"),
    Left("docs/deploy/torch.md", "import torch", "exports a model of the reader's; the example one of its own"),
    Left("docs/deploy/torch.md", "optimum-cli", "exports a model of the reader's; the example one of its own"),
    Left("docs/deploy/torch.md", "import onnxruntime", "runs a model of the reader's; the example one of its own"),
    Left("docs/deploy/web.md", "import * as ort", JAVASCRIPT),
    Left("docs/deploy/web.md", "const data", JAVASCRIPT),
    Left("docs/deploy/web.md", "Cross-Origin", "headers; the server of the example sends them"),
    Left("docs/deploy/web.md", "npm --prefix examples/deploy/web start", "a server that does not end"),
]


def fate(block):
    """The entry of a block: the first that names it, or None where it runs or is compared."""
    return next((entry for entry in TABLE if entry.names(block)), None)


def on_a_fresh_machine(block):
    return any(block.page == page and block.first.startswith(first) for page, first in FRESH)


def faults(all_blocks):
    """What is wrong with the table, as lines: entries that name no block, and blocks that are not what is said of them."""
    found = {block: fate(block) for block in all_blocks}
    for entry in TABLE:
        if entry not in found.values():
            yield f"the table has `{entry.page}`, `{entry.first}`, which is no block, or one that an entry before it names"
    for page, first in FRESH:
        if not any(block.page == page and block.first.startswith(first) for block in all_blocks):
            yield f"the table has `{page}`, `{first}`, which is no block"
    for page in DEPLOYED:
        if not any(block.page == page and found[block] is None for block in all_blocks):
            yield f"`{page}` has no block that runs"
    for block, entry in found.items():
        why = entry and entry.wrong(block)
        if why:
            yield f"{block}: {why}"
