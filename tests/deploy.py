#!/usr/bin/env python3
"""Runs the examples of docs/deploy, each with the packages that its `requirements.txt` pins.

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

EXAMPLES = suite.ROOT / "examples" / "deploy"
MODEL = suite.ROOT / "models" / "llama-dynamo"


@dataclasses.dataclass(frozen=True)
class Example:
    """One example: commands that run one after the other in a scratch folder, which has the model to deploy in `model.onnx`.

    `{here}` is the folder of the example, `{tests}` is `tests/deploy`, `{root}` the checkout, and `{inputs}` an archive of inputs of the model.
    Where `python` is true, the programs of an environment with Phasor and with the packages of its `requirements.txt`, or else of that in
    `tests/deploy`, come first in the search path. `tools` must be in the search path otherwise.
    """

    folder: str
    commands: list[str]
    small: bool = False
    python: bool = True
    tools: tuple[str, ...] = ()
    env: dict[str, str] = dataclasses.field(default_factory=dict)


FUSE = "phasor fuse model.onnx -o fused.onnx"
CONTRIB = "phasor fuse model.onnx -o contrib.onnx --target contrib"
WITHOUT_TABLE = "phasor fuse model.onnx -o without-table.onnx --ignore rotary-table"
# Packages are installed outside of the checkout.
NPM = ["cp -r {here} example", "npm --prefix example install --ignore-scripts --no-audit --no-fund --silent"]
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OLIVE_DISABLE_TELEMETRY": "1"}

TABLE = {
    "olive": Example(
        "olive",
        [
            "python {here}/fuse.py",
            # Without what the script has left in Olive's cache.
            "bash -c 'rm -r cache && python -m phasor.olive > passes.json'",
            "olive run --config {here}/config.json --package-config passes.json --output_path by-command",
        ],
        tools=("bash",),
        env=OFFLINE,
    ),
    "torch": Example("torch", ["python {here}/export.py"], env=OFFLINE),
    "ray-serve": Example("ray_serve", [FUSE, "python {here}/serve.py model.onnx fused.onnx"]),
    "pre-commit": Example(
        "pre_commit",
        [
            "pre-commit validate-manifest {root}/.pre-commit-hooks.yaml",
            "check-jsonschema --builtin-schema vendor.github-actions {root}/action.yml",
            "check-jsonschema --builtin-schema vendor.github-workflows {here}/workflow.yml",
            "python {here}/commit.py",
            "python {tests}/action.py",
        ],
        small=True,
        tools=("git", "bash"),
    ),
    # Installs the package from its sources.
    "pre-commit-build": Example("pre_commit", ["python {here}/commit.py --hook phasor-fuse"], tools=("git", "cargo")),
    "triton": Example(
        "triton",
        [
            FUSE,
            "python {here}/repository.py fused.onnx models --name llama --max-batch-size 8",
            "python {here}/check.py models/llama {inputs}",
            "python {here}/repository.py fused.onnx models --name unbatched",
            "python {here}/check.py models/unbatched {inputs}",
            "python {tests}/triton_server.py",
        ],
        small=True,
    ),
    "node": Example("node", [FUSE, CONTRIB, *NPM, "npm --prefix example start -- model.onnx fused.onnx contrib.onnx"], tools=("npm",)),
    "web": Example(
        "web",
        [
            FUSE,
            CONTRIB,
            WITHOUT_TABLE,
            *NPM,
            "npm --prefix example test -- model.onnx fused.onnx contrib.onnx",
            "env PROVIDER=webgpu npm --prefix example test -- model.onnx without-table.onnx contrib.onnx",
        ],
        tools=("npm", "chromium-headless-shell"),
        env={"CHROMIUM": "/usr/bin/chromium-headless-shell"},
    ),
    "cpp": Example("cpp", [FUSE, CONTRIB, "python {tests}/cpp.py"], tools=("cmake", "c++", "npm")),
    "rust": Example("rust", [FUSE, "python {tests}/rust.py"], tools=("cargo",)),
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


def passes(example, python, wheel):
    """Whether the package can be installed, and all commands of an example end well."""
    # What builds Phasor again shares what is compiled.
    env = {**os.environ, "CARGO_TARGET_DIR": str(package.TARGET), **example.env}
    if python:
        if not package.pip(python, "install", "--force-reinstall", "--no-deps", wheel):
            return False
        env["PATH"] = os.pathsep.join([str(python.parent), env["PATH"]])
    places = {"here": EXAMPLES / example.folder, "tests": suite.ROOT / "tests" / "deploy", "root": suite.ROOT, "inputs": MODEL / "inputs_0.npz"}
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(MODEL / "model.onnx", scratch)
        return all(package.run(*(word.format(**places) for word in shlex.split(line)), cwd=scratch, env=env) for line in example.commands)


def outcome(name, wheel):
    """Whether an example passes; None if it is skipped."""
    example, python = TABLE[name], None
    why = absent(example)
    if why is None and example.python:
        python = environment(example)
        if python is None:
            why = f"its packages cannot be installed for Python {sys.version.split()[0]}"
    if why is None:
        return passes(example, python, wheel)
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
    if wheel is None and any(TABLE[name].python for name in names):
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
