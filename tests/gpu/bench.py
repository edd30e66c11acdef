"""Running the benchmark of the kernels."""
import json
import os
import subprocess

from .outcome import Failure, check


def bench(job, *arguments, before=(), **env):
    """What it prints, line by line as it does: the device first."""
    command = [*before, job.need("kernels"), "--device", str(job.device), *map(str, arguments)]
    env = {**os.environ, **env}
    if job.dry:
        env["LD_LIBRARY_PATH"] = job.need("driver")
        command += ["--small", "--rounds", "2"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    count = 0
    for line in process.stdout:
        # Nsight Compute has lines of its own among them.
        if line.startswith("{"):
            count += 1
            yield json.loads(line)
    if process.wait() != 0:
        raise Failure(f"`{' '.join(command)}` failed, exit code {process.returncode}")
    check(count > 1, f"`{' '.join(command)}` has measured nothing")


def row(found):
    """A case as a row of a table."""
    p10, median = found["microseconds"]
    best = max(found["baselines_gigabytes_per_second"].values())
    most = found["share_of_datasheet"]
    return (
        f"| {found['name']} | {p10:.2f}, {median:.2f} | {found['gigabytes_per_second']:.0f} | {best:.0f} "
        f"| {100 * found['share_of_best']:.0f} % | {'' if most is None else f'{100 * most:.0f} %'} "
        f"| {'' if found['beyond_cache'] else 'in cache'} |"
    )


HEAD = "| call | µs: p10, median | GB/s | copy or fill, GB/s | of that | of datasheet | |\n|---|---|---|---|---|---|---|"
