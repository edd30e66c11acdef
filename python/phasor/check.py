"""Checks several models for what `phasor fuse` would fuse: what a pre-commit hook and a CI job call.

    python -m phasor.check [OPTION ...] MODEL ...
    python -m phasor.check OPTION ... -- MODEL ...

runs `phasor fuse --check` with the options on each model. Models are the arguments behind `--`, or else those that end in `.onnx`. The exit
code is the largest: 0 if there is nothing to fuse, 1 if there is, 2 if a model cannot be read or an option is wrong.
"""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

__all__ = ["check", "main"]


def check(models: Sequence[str], options: Sequence[str] = ()) -> int:
    """Runs `phasor fuse --check` on each model; the result is the largest exit code."""
    # A process each: the command line is made for one model, and a model that brings one down must not hide the others.
    command = [sys.executable, "-m", "phasor", "fuse", "--check", *options, "--"]
    codes = (subprocess.run([*command, model]).returncode for model in models)
    # A process that a signal ended has a code below 0.
    return max((2 if code < 0 else code for code in codes), default=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the result is the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--" in given:
        split = given.index("--")
        return check(given[split + 1 :], given[:split])
    models = [word for word in given if word.endswith(".onnx")]
    return check(models, [word for word in given if word not in models])


if __name__ == "__main__":
    sys.exit(main())
