"""Runs the commands and programs of docs/order.md, in their order, in a folder that has `model.onnx` and nothing else."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import cases
import outcome

sys.path.append(str(cases.ROOT / "tests" / "docs"))
import blocks  # noqa: E402

PAGE = cases.ROOT / "docs" / "order.md"
MODEL = "llama-dynamo"


def run(scratch, phasor, host):
    """Whether all end well, and what they write runs with the library; prints those of which that is not so."""
    folder = scratch / "order"
    folder.mkdir()
    source, inputs = cases.original(MODEL, scratch)
    shutil.copy(source, folder / "model.onnx")
    programs = [pathlib.Path(sys.executable).parent, pathlib.Path(phasor).parent]
    env = {**os.environ, "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]])}
    right = True
    for block in blocks.read(PAGE.relative_to(cases.ROOT).as_posix()):
        # What it installs is here, in the version that is tested.
        code = re.sub(r"^pip install .*\n", "", block.text, flags=re.M)
        command = ["bash", "-ec", code] if block.language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        if done.returncode:
            right = False
            print(f"FAILED   {PAGE.name}: {code.strip().splitlines()[-1]}: {outcome.short(done.stderr.strip().splitlines()[-1])}")
    for path in sorted(folder.glob("*.onnx")):
        reply = host.run(path, inputs)
        if "error" in reply:
            right = False
            print(f"FAILED   {PAGE.name}: {path.name}: {outcome.short(reply['error'])}")
    return right
