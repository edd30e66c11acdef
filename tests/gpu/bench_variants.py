"""Kernels built in other ways, of which only a device tells which is faster: in turn with those of the library, which come first and
last, so that the spread of a card is seen."""
import pathlib

from .bench import HEAD, bench, row

# Cases that a variant may change.
CASES = {
    "strong_stores": ["4096, 128] + [1, 8, 4096, 128], f16", "AlibiBias [1, 32, 2048, 2048], f16"],
    "three_blocks": ["4096, 128] + [1, 8, 4096, 128], f16", "128] + [16, 8, 1, 128], f16"],
    "adjacent_vectors": ["interleaved, f16", "interleaved, f32"],
}
# The same in the sizes of a dry run.
SMALL = {
    "strong_stores": ["16, 128] + [1, 8, 16, 128], f16"],
    "three_blocks": ["128] + [2, 8, 1, 128], f16"],
    "adjacent_vectors": ["interleaved, f16"],
}


def run_part(job):
    folder = pathlib.Path(job.need("variants"))
    print(HEAD, flush=True)
    for variant, cases in (SMALL if job.dry else CASES).items():
        for case in cases:
            for name in ("library", variant, "library"):
                images = [] if name == "library" else ["--images", folder / name]
                lines = bench(job, "--rounds", 5 if job.quick else 20, "--only", case, *images)
                next(lines)
                for found in lines:
                    job.record(benchmark="variant", variant=name, **found)
                    print(row({**found, "name": f"{found['name']}: {name}"}), flush=True)
