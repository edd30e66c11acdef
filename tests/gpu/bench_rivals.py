"""Operators by Phasor, by ONNX Runtime's own where it has one, and by the graph that exporters write: in one ONNX Runtime, in captured
CUDA graphs. Rotary embeddings by PyTorch as well, captured too, eager and compiled."""
import random
import statistics
import time

from .contests import contests
from .outcome import check
from .runtime import Bound, difference, modules, session

ROUNDS = 30
QUICK = 5


def run_part(job):
    modules(job)
    torch = torch_device(job)
    print("| nodes | type | Phasor, µs | rivals: µs, and how many times Phasor, by tenth percentile and median |")
    print("|---|---|---|---|", flush=True)
    for contest in contests(job.dry):
        bound = {}
        for name, make in contest.contestants.items():
            attempt(name, bound, lambda make=make: runtime(job, *make()), must=name == "phasor")
        read = {name: sample(each.read()) for name, each in bound.items()}
        for name in read:
            off = difference(read[name], read.get("graph", read["phasor"]))
            words = f"{contest.name}, {contest.dtype}: {name} differs from the graph by {off:.1e}"
            check(off <= contest.tolerance or not name.startswith("phasor"), words)
            if off > contest.tolerance:
                print(words, flush=True)
        if torch and contest.rotary:
            for name in ("PyTorch", "PyTorch, compiled"):
                attempt(name, bound, lambda name=name: Torch(job, name != "PyTorch", contest), must=False)
        report(job, contest, measure(bound, contest.nodes, QUICK if job.dry or job.quick else ROUNDS))


def attempt(name, made, make, must):
    """Makes a contestant; one that cannot be had is left out, and said."""
    try:
        made[name] = make()
    except Exception as error:
        if must:
            raise
        print(f"skipped: {name}: {' '.join(str(error).split())[:200]}", flush=True)


def runtime(job, model, feeds):
    import numpy as np
    from onnx import helper

    results = {}
    for output in model.graph.output:
        of = output.type.tensor_type
        results[output.name] = np.empty([d.dim_value for d in of.shape.dim], helper.tensor_dtype_to_np_dtype(of.elem_type))
    bound = Bound(job, session(job, model, enable_cuda_graph="1"), feeds, results)
    # The first runs are done node by node, and one is captured.
    for _ in range(3):
        bound.run()
    return bound


def sample(results):
    """Some of the numbers of each result, evenly spread."""
    return {name: values.reshape(-1)[:: max(values.size >> 18, 1)] for name, values in results.items()}


def torch_device(job):
    """Whether PyTorch can use the device; says why not."""
    try:
        import torch

        if not job.dry and torch.cuda.is_available():
            return True
        why = "there is no GPU to it"
    except ImportError:
        why = "it is not installed"
    print(f"skipped: PyTorch: {why}", flush=True)
    return False


class Torch:
    """A chain of rotary embeddings in PyTorch, as Hugging Face's models spell it, in a captured graph."""

    def __init__(self, job, compiled, contest):
        import rotary
        import torch

        _, shape = contest.rotary
        device, kind = f"cuda:{job.device}", {"f16": torch.float16, "f32": torch.float32}[contest.dtype]
        feeds = rotary.feeds("graph", shape, contest.dtype)
        x, cos, sin = (torch.from_numpy(feeds[name]).to(device, kind) for name in ("x", "cos", "sin"))

        def turn(x):
            first, second = x.chunk(2, dim=-1)
            return x * cos + torch.cat((-second, first), dim=-1) * sin

        step = torch.compile(turn) if compiled else turn

        def chain():
            y = x
            for _ in range(contest.nodes):
                y = step(y)
            return y

        side = torch.cuda.Stream(device)
        with torch.cuda.stream(side):
            chain()
        torch.cuda.synchronize(device)
        self.graph, self.torch, self.device = torch.cuda.CUDAGraph(), torch, device
        with torch.cuda.graph(self.graph):
            self.result = chain()

    def run(self):
        self.graph.replay()
        self.torch.cuda.synchronize(self.device)


def measure(bound, nodes, rounds):
    """Microseconds of a node in each round, by contestant, in an order shuffled anew every round."""
    times = {name: [] for name in bound}
    for round_ in range(rounds + 2):
        for name in random.sample(list(bound), len(bound)):
            begin = time.perf_counter()
            bound[name].run()
            # The first rounds warm up.
            if round_ >= 2:
                times[name].append((time.perf_counter() - begin) / nodes * 1e6)
    return times


def report(job, contest, times):
    summary = {name: [sorted(all_)[len(all_) // 10], statistics.median(all_)] for name, all_ in times.items()}
    own = summary["phasor"]
    rivals = [
        f"{name} {of[0]:.2f} ({of[0] / own[0]:.2f}, {of[1] / own[1]:.2f})" for name, of in summary.items() if name != "phasor"
    ]
    print(f"| {contest.name} | {contest.dtype} | {own[0]:.2f} | {'; '.join(rivals)} |", flush=True)
    job.record(benchmark="rivals", name=contest.name, type=contest.dtype, microseconds=summary)
