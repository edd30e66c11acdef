"""`tests/gpu.py` where there is no GPU: what it skips, and its parts in ONNX Runtime on the CPU provider, to be ready for one."""
import json
import os
import subprocess
import sys

import pytest

from conftest import LIBRARY, NEWEST_IR, PHASOR, ROOT, VERSION

COMMAND = [sys.executable, str(ROOT / "tests" / "gpu.py")]
# What runs in ONNX Runtime; the other parts are binaries of cargo's.
PARTS = ["operators", "models", "capture", "threads", "rivals", "decode"]


def gpu(*arguments, **env):
    given = {**os.environ, "PHASOR_OPS_LIB": LIBRARY, "PHASOR_BIN": PHASOR, **env}
    return subprocess.run([*COMMAND, *map(str, arguments)], env=given, capture_output=True, text=True)


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    path = tmp_path_factory.mktemp("gpu") / "results.json"
    # The oldest releases do not read what exporters write today.
    names = ["llama-torchscript"] if VERSION in NEWEST_IR else ["llama-torchscript", "llama-f16"]
    models = [ROOT / "models" / name for name in names]
    return gpu("--dry-run", "--quick", "--limit", "120", "--models", *models, "--json", path, "--only", *PARTS), path


def test_the_parts_in_onnx_runtime_are_ready(dry):
    done, _ = dry
    assert done.returncode == 0, done.stdout + done.stderr
    for name in PARTS:
        assert f"\npassed   {name}" in done.stdout, done.stdout


def test_what_is_measured_is_written(dry):
    written = json.loads(dry[1].read_text())
    assert written["dry_run"] and written["onnxruntime"]
    assert {each["benchmark"] for each in written["results"]} == {"rivals", "decode"}


def test_a_part_that_fails_or_hangs_is_a_failure(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.onnx").write_bytes(b"no model")
    done = gpu("--dry-run", "--models", broken, "--only", "models")
    assert done.returncode == 1 and "broken: cannot be fused: " in done.stdout, done.stdout + done.stderr
    done = gpu("--dry-run", "--limit", "0", "--only", "operators")
    assert done.returncode == 1 and "not done after 0 s" in done.stdout, done.stdout + done.stderr


def test_what_is_absent_is_skipped_and_named():
    done = gpu("--only", "operators")
    if done.stdout.startswith("device "):
        return
    assert done.returncode == 0 and "skipped: operators: " in done.stdout, done.stdout + done.stderr
    assert gpu("--only", "operators", "--strict").returncode == 1


def test_a_folder_that_is_not_one_is_refused(tmp_path):
    done = gpu("--dry-run", "--from", tmp_path)
    assert done.returncode == 2 and "is no folder that --prepare has made" in done.stderr, done.stderr
    assert gpu("--only", "nonsense").returncode == 2
