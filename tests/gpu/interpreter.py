"""The Python that parts are run with: of those in the search path, the one that has most of what they import.

A machine with a GPU often has one Python of the system, which has nothing, and another one with everything.
"""
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

WANTED = ["numpy", "onnx", "onnxruntime", "torch"]
ASK = "import importlib.util as u, json; print(json.dumps([n for n in %r if u.find_spec(n)]))" % (WANTED,)


@functools.cache
def chosen():
    """The path of an interpreter, and which modules of those wanted it has; this one where others have no more."""
    candidates = [sys.executable]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("python3", path=folder) if folder else None
        if found and not any(pathlib.Path(found).resolve() == pathlib.Path(known).resolve() for known in candidates):
            candidates.append(found)
    return max(((path, has(path)) for path in candidates), key=lambda choice: len(choice[1]))


def has(path):
    try:
        done = subprocess.run([path, "-c", ASK], capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
