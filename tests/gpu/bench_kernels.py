"""The kernels alone, in captured chains of launches, beside copies of as many bytes on the same device."""
import json
import os
import subprocess

from .outcome import Failure, check


def run_part(job):
    command, env = [job.need("kernels"), "--device", str(job.device)], dict(os.environ)
    if job.dry:
        env["LD_LIBRARY_PATH"] = job.need("driver")
    if job.dry or job.quick:
        command += ["--rounds", "5"]
    if job.dry:
        command += ["--small"]
    print("| call | µs: p10, median | GB/s | copy, GB/s | of copy | |\n|---|---|---|---|---|---|", flush=True)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    # The first line is the device.
    lines = map(json.loads, process.stdout)
    job.results.append({"benchmark": "device", **next(lines, {})})
    count = 0
    for found in lines:
        job.results.append({"benchmark": "kernel", **found})
        p10, median = found["microseconds"]
        print(
            f"| {found['name']} | {p10:.2f}, {median:.2f} | {found['gigabytes_per_second']:.0f} | {found['copy_gigabytes_per_second']:.0f} "
            f"| {100 * found['share_of_copy']:.0f} % | {'' if found['beyond_cache'] else 'in cache'} |",
            flush=True,
        )
        count += 1
    if process.wait() != 0:
        raise Failure(f"`{command[0]}` failed, exit code {process.returncode}")
    check(count, "nothing was measured")
