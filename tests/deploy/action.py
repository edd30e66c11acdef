"""Runs the check of action.yml as GitHub's runner would, in a folder of models that are made of `model.onnx` in the working directory."""
import os
import pathlib
import shutil
import subprocess
import sys

import yaml

ACTION = pathlib.Path(__file__).resolve().parents[2] / "action.yml"


def check(folder, models, options):
    """The exit code of the last step, and what it prints."""
    step = yaml.safe_load(ACTION.read_text())["runs"]["steps"][-1]
    given = {"${{ inputs.models }}": models, "${{ inputs.options }}": options}
    env = {**os.environ, **{name: given[value] for name, value in step["env"].items()}}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    done = subprocess.run([*shell, step["run"]], cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    folder = pathlib.Path("action")
    inner = folder / "a folder" / "inner"
    inner.mkdir(parents=True)
    shutil.copy("model.onnx", inner / "original.onnx")
    subprocess.run([sys.executable, "-m", "phasor", "fuse", "model.onnx", "-o", inner / "fused.onnx"], check=True)
    expected = {
        ("**/*.onnx", ""): 1,
        ("a folder/**/fused.onnx", ""): 0,
        ("a folder/inner/fused.onnx\na folder/inner/original.onnx", ""): 1,
        ("a folder/inner/original.onnx", "--ignore attention --ignore rotary --ignore rotary-table"): 0,
        ("missing/*.onnx", ""): 2,
        ("missing.onnx", ""): 2,
        ("a folder/inner/fused.onnx", "--no-such-option"): 2,
    }
    wrong = 0
    for arguments, code in expected.items():
        found, text = check(folder, *arguments)
        print(f"{'as expected' if found == code else 'WRONG':12} {found} for {arguments}")
        if found != code:
            wrong += 1
            print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
