"""The conformance suite of the kernels, with the device in place of the emulation: every kernel, type and alignment, to its bounds.

Tests of a family share a process. A kernel that goes wrong may leave the device's context unusable to all that come after it in the
same process, so a test that fails is run once more, alone. If it passes then, and so do all that failed with it, the family fails as one.
"""
import os
import re
import subprocess

from .outcome import Failure, check

# Seconds of a family, and of a test alone.
FAMILY = 120
ALONE = 60
# How much longer the emulation may take.
EMULATED = 6
# They compare nothing on the device.
ELSEWHERE = ("attention::", "emulated::")


def run_part(job):
    launches, failed = 0, []
    for family in families(job):
        done = suite(job, job.device, family)
        launches += done.launches
        print(f"{family[:-2]}: {done.passed} passed, {len(done.failed)} failed, {done.launches} launches", flush=True)
        alone = {test: suite(job, job.device, test, "--exact", "--test-threads", "1", limit=ALONE) for test in done.failed}
        for test, again in alone.items():
            print(f"{test}: {'fails' if again.broken else 'passes'} alone\n{again.words}", flush=True)
        again = [test for test, again in alone.items() if again.broken]
        failed += again
        if done.failed and not again:
            failed.append(f"{family}* (together only)")
        if done.broken and not done.failed:
            failed.append(f"{family}* ({done.words.strip().splitlines()[-1] if done.words.strip() else 'no output'})")
        job.record(benchmark="conformance", family=family[:-2], passed=done.passed, failed=done.failed, launches=done.launches)
    check(not failed, f"{len(failed)} tests fail: {', '.join(failed)}")
    check(launches > 0, "no test has launched anything")
    print(f"{launches} launches", flush=True)
    without = passing(job, job.device, "rotary::special_values", "--exact", default_stream=True)
    print(f"{without} launches without a stream", flush=True)


def families(job):
    """The beginnings of the names of tests that belong together."""
    return sorted({name.split("::")[0] + "::" for name in tests(job)})


def tests(job):
    done = subprocess.run([job.need("conformance"), "--list"], capture_output=True, text=True, env=environment(job))
    names = re.findall(r"(?m)^([\w:]+): test$", done.stdout)
    check(names, f"the suite lists no tests:\n{done.stdout[-500:]}{done.stderr[-500:]}")
    return [name for name in names if not name.startswith(ELSEWHERE)]


def environment(job):
    env = {**os.environ, "PHASOR_CUDA_DEVICE": str(job.device), "RUST_BACKTRACE": "0"}
    if job.dry:
        env["LD_LIBRARY_PATH"] = job.need("driver")
    return env


class Done:
    """What a run of the suite's binary has said."""

    def __init__(self, out, err, broken):
        self.out, self.err, self.broken = out, err, broken
        self.passed = len(re.findall(r"(?m)^test .* \.\.\. ok$", out))
        self.failed = sorted(set(re.findall(r"(?m)^test (\S+) \.\.\. FAILED$", out)))
        self.launches = sum(map(int, re.findall(r"(\d+) launches in ", err)))
        self.words = out[-3000:] + err[-2000:] if broken else ""


def suite(job, device, *arguments, before=(), exact=False, default_stream=False, limit=FAMILY):
    """Runs the suite's binary."""
    env = {**environment(job), "PHASOR_CUDA_DEVICE": str(device)}
    if exact:
        env["PHASOR_CUDA_EXACT"] = "1"
    if default_stream:
        env["PHASOR_CUDA_DEFAULT_STREAM"] = "1"
    command = [*before, job.need("conformance"), *arguments]
    limit *= EMULATED if job.dry else 1
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired as late:
        text = [(part or b"").decode(errors="replace") for part in (late.stdout, late.stderr)]
        return Done(text[0], f"{text[1]}\nnot done after {limit} s", True)
    return Done(done.stdout, done.stderr, done.returncode != 0)


def passing(job, device, *arguments, **options):
    """Runs it where all must pass; how many launches its tests have made."""
    done = suite(job, device, *arguments, **options)
    if done.broken:
        raise Failure(done.words)
    check(done.launches > 0, f"no test has launched anything:\n{done.out[-1000:]}{done.err[-1000:]}")
    return done.launches
