"""The kernels alone, in captured chains of launches, beside copies and fills of as many bytes on the same device."""
from .bench import HEAD, bench, row


def run_part(job):
    print(HEAD, flush=True)
    lines = bench(job, "--rounds", 5 if job.quick else 20)
    job.record(benchmark="device", **next(lines))
    for found in lines:
        job.record(benchmark="kernel", **found)
        print(row(found), flush=True)
