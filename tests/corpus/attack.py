"""Tries one attack: a model that is meant to be fused to something else, or to hang or abort the program.

A folder holds `make.py`, whose `build()` makes the model. With `FEEDS` the fused form must compute the same as the original on all of
them (`PLAIN`: without graph optimisations; `TOLERANCE`, relative to the scale; `OPTIONS` of `phasor fuse`; `ENVIRONMENT`). With
`LIMIT = (command, seconds, gigabytes)` the command must come back within both, with one of `CODES`.
"""
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime as ort

# Other work on the machine takes its share of the time: what hangs takes longer than any such factor.
SLACK = 3


def load(folder):
    """The module `make.py`, which finds what lies beside its folder."""
    sys.path.insert(0, str(folder.parent))
    spec = importlib.util.spec_from_file_location("make", folder / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    return make


def outputs(path, feeds, library, plain):
    """What each feed gives: the outputs, or the error as a text."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if library:
        options.register_custom_ops_library(str(library))
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {i.name for i in session.get_inputs()}
    found = []
    for feed in feeds:
        try:
            found.append(session.run(None, {name: np.asarray(value) for name, value in feed.items() if name in names}))
        except Exception as error:
            found.append(str(error)[:120])
    return found


def difference(old, new, tolerance):
    """How the outputs for a feed differ; None if they do not, or if the original does not run on it."""
    if isinstance(old, str):
        return None
    if isinstance(new, str):
        return f"the fused model fails: {new}"
    for a, b in zip(old, new):
        if a.shape != b.shape:
            return f"shape {a.shape} became {b.shape}"
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                return "whole numbers differ"
            continue
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return "other elements are NaN or infinite"
        finite = np.isfinite(a)
        scale = np.abs(a[finite]).max(initial=0)
        worst = np.abs(a[finite].astype(np.float64) - b[finite].astype(np.float64)).max(initial=0)
        if worst > tolerance * scale:
            return f"differs by {worst / scale:.1e} of the scale" if scale else f"zeros differ by {worst:.1e}"
    return None


def withstood(folder, phasor, library):
    """None if the attack of a folder comes to nothing, else what it does."""
    folder = pathlib.Path(folder)
    make = load(folder)
    with tempfile.TemporaryDirectory() as scratch:
        model, fused = pathlib.Path(scratch, "model.onnx"), pathlib.Path(scratch, "fused.onnx")
        model.write_bytes(make.build().SerializeToString())
        if hasattr(make, "LIMIT"):
            return limited(make, phasor, model, fused)
        environment = {**os.environ, **getattr(make, "ENVIRONMENT", {})}
        done = subprocess.run(
            [phasor, "fuse", str(model), "-o", str(fused), *getattr(make, "OPTIONS", [])], capture_output=True, text=True, env=environment
        )
        if done.returncode not in (0, 1, 2):
            return f"exit code {done.returncode}: {done.stderr.strip()[-200:]}"
        if not fused.exists():
            return None
        plain = getattr(make, "PLAIN", False)
        old = outputs(model, make.FEEDS, None, plain)
        for what, loaded in (("by function bodies", None), ("with the library", library)):
            for number, (a, b) in enumerate(zip(old, outputs(fused, make.FEEDS, loaded, plain))):
                found = difference(a, b, getattr(make, "TOLERANCE", 1e-4))
                if found:
                    return f"{what}, feed {number}: {found}"
    return None


def limited(make, phasor, model, fused):
    command, seconds, gigabytes = make.LIMIT
    arguments = [word.replace("MODEL", str(model)).replace("OUT", str(fused)) for word in command.split()]

    def limit():
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)

    try:
        done = subprocess.run([phasor, *arguments], capture_output=True, timeout=SLACK * seconds, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return f"more than {SLACK} times {seconds} s"
    return None if done.returncode in getattr(make, "CODES", (0, 1, 2)) else f"exit code {done.returncode}"
