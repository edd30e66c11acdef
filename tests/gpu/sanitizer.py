"""The conformance suite under NVIDIA's compute-sanitizer: accesses beyond tensors, and races in shared memory."""
import shutil

from .conformance import suite
from .outcome import Skip

# Under it, a launch takes a thousand times as long.
SHORT = ["special_values", "empty_tensors", "nothing_to_do", "both_are_what", "batches", "leading_axes", "several_tiles"]


def run_part(job):
    if job.dry:
        raise Skip("there is nothing to check in the emulation")
    if not shutil.which("compute-sanitizer"):
        raise Skip("`compute-sanitizer` is not installed")
    for tool, options in [("memcheck", ["--leak-check", "no"]), ("racecheck", []), ("synccheck", [])]:
        before = ["compute-sanitizer", "--tool", tool, *options, "--error-exitcode", "9"]
        print(f"{tool}: {suite(job, job.device, *SHORT, before=before, exact=True)} launches", flush=True)
