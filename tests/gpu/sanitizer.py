"""Conformance tests under NVIDIA's compute-sanitizer: accesses beyond tensors, races in shared memory, and barriers."""
import shutil
import time

from .conformance import suite, tests
from .outcome import Failure, Skip, check

# Under it, a launch takes a thousand times as long: few tests, which together launch every kernel.
SHORT = [
    "rotary::special_values",
    "rotary::part_of_the_channels",
    "rotary_pair::both_are_what_one_would_be",
    "rotary_table::streams_along_any_axis",
    "sinusoidal::rows_of_the_padding_position_are_zero",
    "sinusoidal::nothing_to_do",
    "alibi_bias::batches",
    "relative_bias::batches",
    "relative_bias::rows_of_several_tiles",
    "relative_gather::leading_axes_broadcast",
    "relative_gather::larger_than_a_tile",
]
TOOLS = [("memcheck", ["--leak-check", "no"]), ("racecheck", []), ("synccheck", [])]
# Seconds of a test under a tool, and of all tests under one.
LIMIT = 60
TOOL = 140
FAULTS = 9


def run_part(job):
    unknown = set(SHORT) - set(tests(job))
    check(not unknown, f"there are no tests {', '.join(sorted(unknown))}")
    if not job.dry and not shutil.which("compute-sanitizer"):
        raise Skip("`compute-sanitizer` is not installed")
    faults = []
    for tool, options in [("no tool", [])] if job.dry else TOOLS:
        before = [] if job.dry else ["compute-sanitizer", "--tool", tool, *options, "--error-exitcode", str(FAULTS)]
        launches, late, end = 0, [], time.monotonic() + TOOL
        for test in SHORT:
            if before and time.monotonic() > end:
                late.append(test)
                continue
            done = suite(job, job.device, test, "--exact", before=before, exact=True, limit=LIMIT)
            if before and "ERROR SUMMARY" not in done.out and "RACECHECK SUMMARY" not in done.out:
                if done.err.endswith(f"not done after {LIMIT} s"):
                    late.append(test)
                    continue
                raise Skip(f"`compute-sanitizer --tool {tool}` does not take this device: {done.out.strip()[:300]}")
            if done.broken:
                faults.append(f"{tool}: {test}\n{done.words}")
            launches += done.launches
            job.record(benchmark="sanitizer", tool=tool, test=test, launches=done.launches, passed=not done.broken)
        print(f"{tool}: {launches} launches{'; not done in time: ' + ', '.join(late) if late else ''}", flush=True)
    if faults:
        raise Failure("\n".join(faults))
