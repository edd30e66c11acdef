"""Runs the blocks of a page as a reader would, in a folder that looks like a checkout with a model to fuse in it.

`sh` and `python` blocks run one after the other, each from that folder and in a process of its own. A block of another language after one that
ran is what it prints (`output.py` says what counts as the same). What `table.py` has of a block comes first: it is saved to a file, quoted
from one, or does not run here.

* A command that is to end with another code than 0 ends in `|| echo $?` or the like.
* Lines that begin with `pip install` are left out: the environment has what they install.
* `cargo` works on the real checkout. `cargo run --release -- ...` is the program, which is built.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import venv

import blocks
import output
import table

MODEL = blocks.ROOT / "models" / "llama-dynamo"
CARGO = """#!/bin/sh
if [ "$1 $2 $3" = "run --release --" ]; then shift 3; exec '{phasor}' "$@"; fi
verb=$1; shift; exec '{cargo}' "$verb" --manifest-path '{manifest}' "$@"
"""
# What chooses an engine or a library, and so changes reports.
VARIABLES = ["ORT_DYLIB_PATH", "PHASOR_OPS_LIB", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX"]
LONGEST = 900


class Session:
    """A folder to run pages in; `programs` is the folder of `python`, and `target` cargo's."""

    def __init__(self, folder, phasor, programs, target, given=None, env=None):
        self.folder = folder
        self.given = given or {}
        self.target = target
        self.populate(folder)
        tools = folder / "tools"
        tools.mkdir()
        cargo = shutil.which("cargo")
        if cargo:
            shim = tools / "cargo"
            shim.write_text(CARGO.format(phasor=phasor, cargo=cargo, manifest=blocks.ROOT / "Cargo.toml"))
            shim.chmod(0o755)
        self.env = {name: text for name, text in os.environ.items() if name not in VARIABLES}
        self.env |= {"CARGO_TARGET_DIR": str(target), "NO_COLOR": "1", "NPM_CONFIG_LOGLEVEL": "error", **(env or {})}
        self.path = [tools, pathlib.Path(phasor).parent, programs]

    def populate(self, folder):
        """Puts into a folder what a checkout has, and a model with inputs."""
        folder.mkdir(parents=True)
        for name in ("Cargo.toml", "ops", "benches", "tests"):
            (folder / name).symlink_to(blocks.ROOT / name)
        # Examples install packages beside themselves, and models are fused in place.
        for name in ("examples", "models"):
            shutil.copytree(blocks.ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules"))
        (folder / "target").symlink_to(self.target)
        shutil.copy(MODEL / "model.onnx", folder)
        shutil.copy(MODEL / "inputs_0.npz", folder / "inputs.npz")

    def search_path(self, first=None):
        return os.pathsep.join([*map(str, [*([first] if first else []), *self.path]), self.env["PATH"]])

    def execute(self, block):
        """The exit code and what is printed."""
        folder, env = self.folder, {**self.env, "PATH": self.search_path()}
        if table.on_a_fresh_machine(block):
            folder = self.folder / f"fresh-{block.line}"
            self.populate(folder)
            venv.create(folder / "bare", with_pip=False)
            env["PATH"] = self.search_path(folder / "bare" / "bin")
        code = block.text
        for word, path in self.given.items():
            code = code.replace(word, str(path))
        if block.language == "sh":
            command = ["bash", "-ec", re.sub(r"^pip install .*\n", "", code, flags=re.MULTILINE)]
        else:
            command = ["python", "-c", code]
            env["PATH"], command[0] = env["PATH"], shutil.which("python", path=env["PATH"])
        try:
            done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            return None, f"took more than {LONGEST} s"
        printed = done.stdout.decode(errors="replace")
        for word, path in self.given.items():
            printed = printed.replace(str(path), word)
        return done.returncode, printed

    def run(self, page):
        """Whether all blocks of a page run and print what is shown; prints what is wrong."""
        right, printed, before = True, None, None
        for block in blocks.read(page):
            fate = table.fate(block)
            if isinstance(fate, table.Saved):
                (self.folder / fate.file).write_text(block.text)
            elif fate is not None:
                printed = None
            elif block.language in ("sh", "python"):
                code, printed = self.execute(block)
                before = block
                if code != 0:
                    right = report(block, "does not end" if code is None else f"ends with code {code}", printed)
                    printed = None
            elif printed is None:
                right = report(block, "nothing that ran prints it" if before is None else f"{before} has nothing to compare it with", None)
            else:
                why = output.mismatch(block.text, printed)
                if why:
                    right = report(block, f"{before} prints something else: {why}", printed)
                printed = None
        return right


def report(block, why, printed):
    print(f"FAILED   {block}: {why}")
    if printed:
        print("    " + "\n    ".join(printed.rstrip().splitlines()[-30:]))
    sys.stdout.flush()
    return False
