"""The conformance suite of the kernels, with the device in place of the emulation: every kernel, type and alignment, to its bounds."""
import os
import re
import subprocess

from .outcome import Failure, check


def run_part(job):
    print(f"{suite(job, job.device)} launches", flush=True)


def suite(job, device, *arguments, before=(), exact=False):
    """Runs the suite's binary; how many launches its tests have made.

    Raises Failure where a test fails, or none has launched anything.
    """
    env = {**os.environ, "PHASOR_CUDA_DEVICE": str(device), "RUST_BACKTRACE": "0"}
    if exact:
        env["PHASOR_CUDA_EXACT"] = "1"
    if job.dry:
        env["LD_LIBRARY_PATH"] = job.need("driver")
    done = subprocess.run([*before, job.need("conformance"), *arguments], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"exit code {done.returncode}\n{done.stdout[-6000:]}{done.stderr[-3000:]}")
    for line in re.findall(r"^device: .*$", done.stderr, re.MULTILINE):
        print(line, flush=True)
    launches = sum(map(int, re.findall(r"(\d+) launches in ", done.stderr)))
    check(launches > 0, f"no test has launched anything:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    passed = re.search(r"test result: ok\. (\d+) passed", done.stdout)
    print(f"{passed[1] if passed else '?'} tests passed", flush=True)
    return launches
