"""The program `phasor` of the package, and `python -m phasor`."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import phasor

BIN = pathlib.Path(sys.executable).parent
PROGRAM = BIN / ("phasor.exe" if os.name == "nt" else "phasor")
WAYS = {"script": [str(PROGRAM)], "module": [sys.executable, "-m", "phasor"]}


@pytest.fixture(params=WAYS)
def run(request, tmp_path):
    """Runs the command line, outside of an active environment."""
    inactive = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PHASOR_OPS_LIB", "ORT_DYLIB_PATH")}

    def run(*arguments, **env):
        return subprocess.run([*WAYS[request.param], *map(str, arguments)], cwd=tmp_path, env={**inactive, **env}, capture_output=True, text=True)

    return run


def test_exit_codes_and_streams(run, model, tmp_path):
    done = run("fuse", model, "-o", tmp_path / "fused.onnx")
    assert (done.returncode, done.stdout) == (0, "") and "Verified on" in done.stderr
    assert run("fuse", model, "--check").returncode == 1
    missing = run("fuse", "none.onnx", "-o", "fused.onnx")
    assert missing.returncode == 2 and missing.stderr.startswith("error: `none.onnx`") and "hint: check the path" in missing.stderr
    wrong = run("fuse", "--nonsense")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "Usage: phasor fuse" in wrong.stderr
    helped = run("--help")
    assert (helped.returncode, helped.stderr) == (0, "") and "Usage: phasor [OPTIONS] <COMMAND>" in helped.stdout
    assert run("--version").stdout.startswith(f"phasor {phasor.__version__} (")


def test_colours(run, model):
    assert "\x1b[" not in run("inspect", model).stdout
    assert "\x1b[" in run("inspect", model, CLICOLOR_FORCE="1").stdout


def test_it_finds_its_own_library_and_its_own_onnxruntime(run, model, tmp_path):
    import onnxruntime

    assert run("lib-path").stdout.strip() == phasor.library_path()
    assert pathlib.Path(phasor.library_path()).parent == pathlib.Path(phasor.__file__).parent
    run("fuse", model, "-o", tmp_path / "fused.onnx", "--no-verify")
    # Where `python3` is found is not the interpreter that runs.
    compared = run("verify", model, tmp_path / "fused.onnx", "--engine", "ort", PATH="/nonexistent")
    assert compared.returncode == 0 and f"ONNX Runtime {onnxruntime.__version__}, with and without the operator library" in compared.stdout
    elsewhere = run("lib-path", PHASOR_OPS_LIB=str(tmp_path / "none.so"))
    assert elsewhere.returncode == 2 and "`PHASOR_OPS_LIB`" in elsewhere.stderr


def heed_ctrl_c():
    """Undoes what a shell does to processes in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_ends_it_and_leaves_nothing(way, model, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    command = [*WAYS[way], "fuse", str(model), "-o", str(folder / "fused.onnx"), "--seeds", "1000000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c)
    deadline = time.monotonic() + 60
    while not list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(folder.iterdir()), "no temporary file appeared"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT and not list(folder.iterdir())
    assert "Traceback" not in said
