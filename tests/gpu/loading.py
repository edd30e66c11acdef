"""How long kernels take to load: each time compiled by the driver, while its cache fills, and from the cache."""
import tempfile

from .bench import bench


def run_part(job):
    with tempfile.TemporaryDirectory() as cache:
        for state, off in (("compiled", "1"), ("compiled into the cache", "0"), ("cached", "0")):
            lines = bench(job, "--load", CUDA_CACHE_DISABLE=off, CUDA_CACHE_PATH=cache)
            next(lines)
            found = list(lines)
            total = sum(each["milliseconds"] for each in found)
            each = ", ".join(f"{of['image']} {of['milliseconds']:.0f}" for of in found)
            print(f"{state}: {total:.0f} ms ({each})", flush=True)
            job.record(benchmark="loading", state=state, images=found)
