"""Python goes on beside the work, and can end it."""
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import phasor


def test_other_threads_go_on(model):
    count, done = [0], threading.Event()

    def work():
        while not done.is_set():
            count[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    before = count[0]
    phasor.inspect(model)
    after = count[0]
    done.set()
    thread.join()
    assert after - before > 1000


def test_threads_fuse_side_by_side(model):
    results = []
    fuse = lambda: results.append(phasor.fuse(model, seeds=1).result)
    threads = [threading.Thread(target=fuse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and len(set(results)) == 1


def test_an_exception_in_progress_ends_the_work(model, tmp_path):
    output = tmp_path / "fused.onnx"

    def stop(what):
        if what.startswith("comparing"):
            raise RuntimeError(what)

    with pytest.raises(RuntimeError, match="comparing"):
        phasor.fuse(model, output, progress=stop)
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == [model]


INTERRUPTED = """
import os, signal, sys, threading, time
import phasor
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background lacks
def interrupt(what):
    if what.startswith("comparing"):
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
begun = time.monotonic()
try:
    phasor.fuse(sys.argv[1], sys.argv[2], seeds=1000000, progress=interrupt)
except KeyboardInterrupt:
    sys.exit(7 if time.monotonic() - begun < 20 else 8)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_ctrl_c_raises_at_once(model, tmp_path):
    output = tmp_path / "fused.onnx"
    before = signal.getsignal(signal.SIGINT)
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(model), str(output)], timeout=90)
    assert done.returncode == 7 and not output.exists()
    assert signal.getsignal(signal.SIGINT) is before
