#!/usr/bin/env python3
"""Runs the pages and examples of docs/deploy, each with the packages that its `requirements.txt` pins.

    python3 tests/deploy.py                  everything
    python3 tests/deploy.py --only NAME ...  the examples of these names
    python3 tests/deploy.py --small          those that need little: a minute or two after a build
    python3 tests/deploy.py --wheel FILE     with this wheel of the package; otherwise one is built, as in `tests/package.py`
    python3 tests/deploy.py --strict         count every skip as a failure

Needs Rust, unless a wheel is given, and Python 3.11 or 3.12 with `venv`. Environments are made in `target/venvs`; those with PyTorch take 5 GB
each, since PyPI's build for Linux brings the CUDA libraries.
"""
import argparse
import dataclasses
import os
import pathlib
import shlex
import shutil
import sys
import tempfile

import package
import run as suite

sys.path.append(str(suite.ROOT / "tests" / "docs"))
import session  # noqa: E402
import table  # noqa: E402

EXAMPLES = suite.ROOT / "examples" / "deploy"


@dataclasses.dataclass(frozen=True)
class Example:
    """One example: commands that run one after the other in a scratch folder, which has the model to deploy in `model.onnx`.

    `PAGE` stands for the blocks of its page, with `given` in place of some of their words; `tests/docs/session.py` says how they run, and what the
    folder has. `{here}` is the folder of the example, `{tests}` is `tests/deploy`, `{root}` the checkout, and `{scratch}` the folder. The programs
    of an environment with Phasor and with the packages of its `requirements.txt`, or else of that in `tests/deploy`, come first in the search
    path, and `{onnxruntime}` is the library of ONNX Runtime there. `tools` must be in the search path otherwise.
    """

    folder: str
    commands: list[str]
    small: bool = False
    tools: tuple[str, ...] = ()
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    given: dict[str, str] = dataclasses.field(default_factory=dict)


PAGE = "page"
FUSE = "phasor fuse model.onnx -o fused.onnx"
CONTRIB = "phasor fuse model.onnx -o contrib.onnx --target contrib"
WITHOUT_TABLE = "phasor fuse model.onnx -o without-table.onnx --ignore rotary-table"
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OLIVE_DISABLE_TELEMETRY": "1"}

TABLE = {
    "olive": Example(
        "olive",
        [PAGE],
        tools=("bash",),
        env=OFFLINE,
    ),
    "torch": Example("torch", [PAGE], env=OFFLINE),
    "ray-serve": Example("ray_serve", [PAGE]),
    "pre-commit": Example(
        "pre_commit",
        [
            "pre-commit validate-manifest {root}/.pre-commit-hooks.yaml",
            "check-jsonschema --builtin-schema vendor.github-actions {root}/action.yml",
            "check-jsonschema --builtin-schema vendor.github-workflows {here}/workflow.yml",
            "python {here}/commit.py",
            "python {tests}/action.py",
            PAGE,
            "pre-commit validate-config .pre-commit-config.yaml",
        ],
        small=True,
        tools=("git", "bash"),
    ),
    # Installs the package from its sources.
    "pre-commit-build": Example("pre_commit", ["python {here}/commit.py --hook phasor-fuse"], tools=("git", "cargo")),
    "triton": Example(
        "triton",
        [
            PAGE,
            "python {here}/repository.py fused.onnx repository --name unbatched",
            "python {here}/check.py repository/unbatched inputs.npz",
            "python {tests}/triton_server.py",
        ],
        small=True,
    ),
    "node": Example("node", [PAGE], tools=("npm",)),
    "web": Example(
        "web",
        [
            PAGE,
            WITHOUT_TABLE,
            "env PROVIDER=webgpu npm --prefix examples/deploy/web test -- model.onnx without-table.onnx contrib.onnx",
        ],
        tools=("npm", "chromium-headless-shell"),
        env={"CHROMIUM": "/usr/bin/chromium-headless-shell"},
    ),
    "cpp": Example(
        "cpp",
        [FUSE, CONTRIB, "python {tests}/cpp.py", PAGE],
        tools=("cmake", "c++", "npm"),
        # The latter is made by the script.
        given={"/opt/phasor": "{scratch}/phasor", "/opt/onnxruntime": "{scratch}/onnxruntime"},
    ),
    "rust": Example("rust", [FUSE, PAGE], tools=("cargo",), given={"/path/to/libonnxruntime.so": "{onnxruntime}"}),
    "java": Example("java", ["python {tests}/java.py"], tools=("javac", "npm")),
}


def absent(example):
    """Why an example cannot run here, or None."""
    missing = [tool for tool in example.tools if shutil.which(tool) is None]
    return f"{', '.join(missing)} not found" if missing else None


def environment(example):
    """The interpreter of the environment of an example; None if its packages cannot be installed."""
    own = EXAMPLES / example.folder / "requirements.txt"
    if own.exists():
        return suite.environment(f"deploy-{example.folder.replace('_', '-')}", own)
    return suite.environment("deploy", suite.ROOT / "tests" / "deploy" / "requirements.txt")


def build():
    """Builds the wheel of the package; None if that fails."""
    return package.wheel_of(package.environment(suite.target() / "venvs" / "deploy-build"), suite.ROOT, package.TARGET / "deploy-wheel")


def passes(name, python, wheel):
    """Whether the package can be installed, and all commands of an example end well, and print what its page shows."""
    example = TABLE[name]
    if not package.pip(python, "install", "--force-reinstall", "--no-deps", wheel):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch).resolve() / "checkout"
        places = {"here": EXAMPLES / example.folder, "tests": suite.ROOT / "tests" / "deploy", "root": suite.ROOT}
        places |= {"scratch": folder, "onnxruntime": suite.ort_library(python)}
        given = {word: text.format(**places) for word, text in example.given.items()}
        phasor = python.parent / ("phasor.exe" if os.name == "nt" else "phasor")
        here = session.Session(folder, phasor, python.parent, package.TARGET, given, example.env)
        env = {**here.env, "PATH": here.search_path()}
        for line in example.commands:
            if line == PAGE:
                page = next(page for page, shown in table.DEPLOYED.items() if shown == name)
                print(f"+ {page}", flush=True)
                right = here.run(page)
            else:
                right = package.run(*(word.format(**places) for word in shlex.split(line)), cwd=folder, env=env)
            if not right:
                return False
        return True


def outcome(name, wheel):
    """Whether an example passes; None if it is skipped."""
    example, python = TABLE[name], None
    why = absent(example)
    if why is None:
        python = environment(example)
        if python is None:
            why = f"its packages cannot be installed for Python {sys.version.split()[0]}"
    if why is None:
        return passes(name, python, wheel)
    print(f"skipped: {name}: {why}")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=TABLE, help=f"run these of {', '.join(TABLE)}")
    parser.add_argument("--small", action="store_true", help="run those that need little")
    parser.add_argument("--wheel", type=pathlib.Path, help="use this wheel of the package, and build none")
    parser.add_argument("--strict", action="store_true", help="count every skip as a failure")
    args = parser.parse_args()
    names = args.only or [name for name, example in TABLE.items() if example.small or not args.small]
    wheel = args.wheel and args.wheel.resolve()
    if wheel and not wheel.is_file():
        parser.error(f"{args.wheel} is no file")
    if wheel is None and names:
        wheel = build()
        if wheel is None:
            sys.exit("error: the wheel cannot be built")
    results = {}
    for name in names:
        passed = outcome(name, wheel)
        results[name] = False if passed is None and args.strict else passed
    return suite.report(results)


if __name__ == "__main__":
    sys.exit(main())
