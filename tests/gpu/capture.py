"""Every operator, and a decoder, in a captured CUDA graph that is replayed on changed inputs."""
from .outcome import check
from .runtime import Bound, difference, run, session
from .workload import TOLERANCE, uses


def run_part(job):
    for name, dtype, model, inputs in uses(job, 64):
        replayed(job, f"{name}, {dtype}", model, inputs, TOLERANCE[dtype])


def replayed(job, name, model, inputs, tolerance):
    """Captures a model and replays it on each set of inputs; compares with the CPU."""
    cpu = session(job, model, host=True)
    wanted = [run(cpu, feeds) for feeds in inputs]
    bound = Bound(job, session(job, model, enable_cuda_graph="1"), inputs[0], wanted[0])
    # The first runs are done one node after the other, then one is captured; the rest is replayed.
    for _ in range(3):
        bound.run()
    worst, seen = 0.0, []
    for feeds, want in zip(inputs, wanted):
        bound.write(feeds)
        bound.run()
        got = bound.read()
        off = difference(got, want)
        worst = max(worst, off)
        check(off <= tolerance, f"{name}: replayed, it differs by {off:.1e}, expected at most {tolerance:.0e}")
        seen.append(b"".join(value.tobytes() for value in got.values()))
    check(len(set(seen)) > 1, f"{name}: results do not change with the inputs, so nothing is known")
    print(f"{name}: {len(inputs)} replays, differ from the CPU by {worst:.1e} at most", flush=True)
