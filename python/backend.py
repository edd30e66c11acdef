"""Builds the package: maturin's own hooks, with the operator library built first.

maturin builds one crate. The operator library is another one, and is to lie in the package as a file, so it is built here, with the same
profile and in the same target folder, put where `include` in `pyproject.toml` expects it, and taken away after the wheel is made.
"""
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess

from maturin import (  # noqa: F401
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
import maturin

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "phasor"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with operator_library(target_of(config_settings)):
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    # An installation that imports the sources finds the library there, so it stays.
    place(library(target_of(config_settings)))
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def target_of(config_settings):
    """The platform that maturin is asked to build for, or None; cargo itself reads `CARGO_BUILD_TARGET`."""
    given = (config_settings or {}).get("build-args", "")
    words = shlex.split(given) if isinstance(given, str) else list(given)
    words += shlex.split(os.environ.get("MATURIN_PEP517_ARGS", ""))
    for position, word in enumerate(words):
        if word == "--target":
            return words[position + 1]
        if word.startswith("--target="):
            return word.split("=", 1)[1]
    return None


def library(target=None, cargo=("cargo", "build"), packages=("phasor-ops", "phasor-python")):
    """Builds the operator library, and returns where cargo has put it.

    Together with the module, which maturin then finds built: alone, its dependencies would have other features, and all would be built twice.
    """
    chosen = [word for package in packages for word in ("-p", package)]
    command = [*cargo, "--release", "--locked", *chosen, "--lib", "--message-format", "json-render-diagnostics"]
    if target:
        command += ["--target", target]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    files = [
        pathlib.Path(file)
        for message in messages
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "phasor_ops"
        for file in message["filenames"]
    ]
    return next(file for file in files if file.suffix in (".so", ".dylib", ".dll"))


def place(built):
    """Puts the library into the package."""
    return pathlib.Path(shutil.copy(built, PACKAGE))


@contextlib.contextmanager
def operator_library(*how, **more):
    """The library is in the package for as long as this lasts, and after it only if it was there before."""
    built = library(*how, **more)
    was_there = (PACKAGE / built.name).exists()
    placed = place(built)
    try:
        yield placed
    finally:
        if not was_there:
            placed.unlink()
