"""What Nsight Compute says of the kernels whose bound is in doubt."""
import shutil

from .bench import bench
from .outcome import Skip

CASES = [
    "4096, 128] + [1, 8, 4096, 128], f16",
    "interleaved, f16",
    "SinusoidalEmbedding [4096, 1024], precise, f32",
    "RelativePositionBias [1, 32, 2048, 2048], f16",
    "of 1023, by key, f16",
]
# The same in the sizes of a dry run.
SMALL = [
    "16, 128] + [1, 8, 16, 128], f16",
    "interleaved, f16",
    "SinusoidalEmbedding [16, 1024], precise, f32",
    "RelativePositionBias [1, 32, 16, 16], f16",
    "of 31, by key, f16",
]
SECTIONS = ["SpeedOfLight", "MemoryWorkloadAnalysis", "Occupancy", "WarpStateStats", "LaunchStats"]


def run_part(job):
    before = []
    if not job.dry:
        if not shutil.which("ncu"):
            raise Skip("`ncu` is not installed")
        # The first launch of a case is one that is not captured.
        before = ["ncu", "--clock-control", "none", "--kernel-name", "regex:phasor_(?!copy)", "--launch-count", "1"]
        before += [word for section in SECTIONS for word in ("--section", section)]
        before += ["--log-file", "/dev/stderr"]
    for case in SMALL if job.dry else CASES:
        print(f"-- {case}", flush=True)
        for _ in bench(job, "--rounds", 1, "--only", case, before=before):
            pass
