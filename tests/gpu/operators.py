"""Every operator in ONNX Runtime on the device, against its CPU kernel."""
from .outcome import check
from .runtime import difference, placed, run, session
from .workload import TOLERANCE, uses


def run_part(job):
    for length in (1, 7, 333):
        for name, dtype, model, inputs in uses(job, length):
            cpu = session(job, model, host=True)
            results, _ = placed(job, model, inputs)
            off = max(difference(got, run(cpu, feeds)) for got, feeds in zip(results, inputs))
            name = f"{name}, {dtype}, length {length}"
            check(off <= TOLERANCE[dtype], f"{name}: differs by {off:.1e}, expected at most {TOLERANCE[dtype]:.0e}")
            print(f"{name}: differs from the CPU by {off:.1e} at most", flush=True)
