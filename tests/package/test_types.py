"""Type checkers accept how the package is used, and what they accept runs."""
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

USAGE = pathlib.Path(__file__).with_name("usage.py")


def test_usage_runs(model, tmp_path):
    subprocess.run([sys.executable, str(USAGE), str(model), str(tmp_path)], check=True, stdout=subprocess.DEVNULL)


def installed(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"`{name}` is not installed")


@installed("mypy")
def test_mypy(tmp_path):
    shutil.copy(USAGE, tmp_path)
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "usage.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@installed("mypy")
def test_mypy_refuses_what_is_wrong(tmp_path):
    (tmp_path / "wrong.py").write_text('import phasor\nphasor.fuse("a", target="tensorrt")\nphasor.fuse("a", seed=1)\nphasor.fuse("a").verdit\n')
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "wrong.py"], cwd=tmp_path, capture_output=True, text=True)
    assert all(f"wrong.py:{line}: error" in done.stdout for line in (2, 3, 4)), done.stdout


@installed("pyright")
def test_pyright(tmp_path):
    shutil.copy(USAGE, tmp_path)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"pythonPath": sys.executable}))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "usage.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
