"""The other devices of the machine: what is loaded for the first one is not used on them."""
from .conformance import passing
from .outcome import check
from .runtime import difference, run, session
from .sanitizer import SHORT
from .workload import TOLERANCE, uses


def run_part(job):
    if job.devices < 2:
        # Not a skip: nothing that could be tested is left out.
        return print("the machine has one device", flush=True)
    for device in range(job.devices):
        print(f"{passing(job, device, *SHORT, '--exact')} launches on device {device}", flush=True)
    if job.dry:
        return
    for name, dtype, model, inputs in uses(job, 64):
        want = run(session(job, model, host=True), inputs[0])
        # Kernels of all devices live at once, and are used in turn.
        each = [session(job, model, device=device) for device in range(job.devices)]
        for device, made in [*enumerate(each), *enumerate(each)]:
            off = difference(run(made, inputs[0]), want)
            check(off <= TOLERANCE[dtype], f"{name}, {dtype} on device {device}: differs by {off:.1e}")
