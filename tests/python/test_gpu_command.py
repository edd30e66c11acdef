"""`tests/gpu.py` where there is no GPU: what it skips, and its parts in ONNX Runtime on the CPU provider, to be ready for one."""
import json
import os
import shutil
import subprocess
import sys

import onnxruntime as ort
import pytest

from conftest import LIBRARY, NEWEST_IR, PHASOR, ROOT, VERSION

COMMAND = [sys.executable, str(ROOT / "tests" / "gpu.py")]
# What runs in ONNX Runtime; the other parts are binaries of cargo's.
PARTS = ["operators", "models", "capture", "threads", "rivals", "decode"]
MINUTES = 8
sys.path.insert(0, str(ROOT / "tests"))
from gpu import kit, prepare  # noqa: E402
from gpu.parts import PARTS as ALL, RUNS  # noqa: E402


def gpu(*arguments, **env):
    given = {**os.environ, "PHASOR_OPS_LIB": LIBRARY, "PHASOR_BIN": PHASOR, **env}
    return subprocess.run([*COMMAND, *map(str, arguments)], env=given, capture_output=True, text=True)


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    path = tmp_path_factory.mktemp("gpu") / "results.jsonl"
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
    first, *rest = map(json.loads, dry[1].read_text().splitlines())
    assert first["benchmark"] == "surroundings" and first["dry_run"] and first["onnxruntime"]
    assert {each["benchmark"] for each in rest} == {"rivals", "decode"}


def test_runs_have_every_part_once_and_end_in_time():
    assert [name for run in RUNS for name in run] == [part.name for part in ALL]
    seconds = {part.name: part.seconds for part in ALL}
    for run in RUNS:
        assert sum(seconds[name] for name in run) <= 60 * MINUTES, run


def test_a_kit_is_one_file_and_leaves_room(tmp_path):
    if f"onnxruntime=={ort.__version__}\n" not in (ROOT / "tests" / "python" / "requirements-newest.txt").read_text():
        return  # A kit does not depend on the release, and takes a while to make.
    if not shutil.which("cargo"):
        pytest.skip("there is no cargo to build a kit with")
    packed = tmp_path / "kit.tar.xz"
    done = gpu("--prepare", packed, "--models", ROOT / "models" / "llama-torchscript")
    if "the variants cannot be built here" in done.stderr:
        pytest.skip("the compiler of CUDA cannot be had")
    assert done.returncode == 0, done.stdout + done.stderr
    assert packed.stat().st_size + prepare.tracked() + prepare.RUNTIME <= prepare.MOST
    assert [path.name for path in tmp_path.iterdir()] == ["kit.tar.xz"]
    kit.unpack(packed, tmp_path / "unpacked")
    carried = kit.carried(tmp_path / "unpacked")
    for name in ("library", "conformance", "kernels", "variants"):
        assert os.path.exists(carried[name]), name
    # Everything but the emulated driver is in it, which only a dry run needs.
    assert list(carried["missing"]) == ["phasor", "driver"]


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


def test_what_is_no_kit_is_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("no archive")
    for nothing in (tmp_path, text, tmp_path / "absent"):
        done = gpu("--dry-run", "--from", nothing)
        assert done.returncode == 2 and "is nothing that --prepare has made" in done.stderr, done.stderr
    assert gpu("--prepare", tmp_path).returncode == 2
    assert gpu("--only", "nonsense").returncode == 2
