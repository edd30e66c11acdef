"""Rotary embeddings by Phasor, by ONNX Runtime's own operator and by the graph that exporters write, in one ONNX Runtime, captured; and by
PyTorch, captured too, eager and compiled."""
import random
import statistics
import sys
import time

from .kit import ROOT
from .outcome import check
from .runtime import Bound, difference, modules, session

SHAPES = [
    ("decode", (1, 32, 1, 128)),
    ("decode", (16, 32, 1, 128)),
    ("decode", (64, 32, 1, 128)),
    ("prefill", (1, 32, 4096, 128)),
    ("prefill", (8, 32, 2048, 128)),
]
SMALL = [("decode", (2, 4, 1, 32)), ("prefill", (1, 4, 64, 32))]
# Nodes of a chain: what a run costs beside them is then small.
CHAIN = {"decode": 256, "prefill": 16}
ROUNDS = 30
NAMES = ["phasor", "com.microsoft", "graph"]
# Results go through a whole chain, and round in each node.
TOLERANCE = {"f32": 1e-3, "f16": 0.3}


def run_part(job):
    modules(job)
    # What the CPU's benchmark measures as well.
    sys.path.insert(0, str(ROOT / "benches"))
    import rotary

    small = job.dry or job.quick
    rotary.CHAIN.update({"decode": 8, "prefill": 2} if job.dry else CHAIN)
    rivals = ["pytorch", "compiled"] if torch_device(job) else []
    known = [*NAMES, *rivals]
    columns = ["shape", "type", *(f"{n}, µs" for n in known), *(f"{n} / phasor: p10, median" for n in known[1:])]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    for kind, shape in SMALL if job.dry else SHAPES:
        for dtype in ("f16", "f32"):
            contestants = {name: runtime(job, rotary, name, kind, shape, dtype) for name in NAMES}
            read = {name: {"y": sample(each.read())} for name, each in contestants.items()}
            for name in NAMES[:2]:
                off = difference(read[name], read["graph"])
                check(off <= TOLERANCE[dtype], f"{name}, {shape}, {dtype}: differs from the graph by {off:.1e}")
            for name in list(rivals):
                try:
                    contestants[name] = Torch(job, name == "compiled", kind, shape, dtype)
                except Exception as error:
                    # It compiles with what it finds on the machine.
                    print(f"skipped: {name}: {' '.join(str(error).split())[:200]}", flush=True)
                    rivals.remove(name)
            times = measure(contestants, rotary.CHAIN[kind], 5 if small else ROUNDS)
            report(job, shape, dtype, times, known)
            contestants.clear()


def runtime(job, rotary, name, kind, shape, dtype):
    import numpy as np

    model = rotary.model(name, kind, shape, dtype)
    result = {model.graph.output[0].name: np.empty(shape, rotary.TYPES[dtype][0])}
    bound = Bound(job, session(job, model, enable_cuda_graph="1"), rotary.feeds(name, shape, dtype), result)
    for _ in range(3):
        bound.run()
    return bound


def sample(results):
    """Some of the numbers of the one result, evenly spread."""
    (values,) = results.values()
    return values.reshape(-1)[:: max(values.size >> 20, 1)]


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
    """The same chain in PyTorch, as Hugging Face's models spell it, in a captured graph."""

    def __init__(self, job, compiled, kind, shape, dtype):
        import rotary
        import torch

        device, kinds = f"cuda:{job.device}", {"f16": torch.float16, "f32": torch.float32}
        feeds = rotary.feeds("graph", shape, dtype)
        x, cos, sin = (torch.from_numpy(feeds[name]).to(device, kinds[dtype]) for name in ("x", "cos", "sin"))

        def turn(x):
            first, second = x.chunk(2, dim=-1)
            return x * cos + torch.cat((-second, first), dim=-1) * sin

        step = torch.compile(turn) if compiled else turn

        def chain():
            y = x
            for _ in range(rotary.CHAIN[kind]):
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


def measure(contestants, nodes, rounds):
    """Microseconds of a node in each round, by contestant."""
    times = {name: [] for name in contestants}
    for round_ in range(rounds + 2):
        for name in random.sample(list(contestants), len(contestants)):
            begin = time.perf_counter()
            contestants[name].run()
            # The first rounds warm up.
            if round_ >= 2:
                times[name].append((time.perf_counter() - begin) / nodes * 1e6)
    return times


def report(job, shape, dtype, times, known):
    summary = {name: [sorted(all_)[len(all_) // 10], statistics.median(all_)] for name, all_ in times.items()}
    own = summary["phasor"]
    cells = [f"{summary[name][0]:.2f}" if name in summary else "" for name in known]
    for name in known[1:]:
        of = summary.get(name)
        cells.append(f"{of[0] / own[0]:.2f}, {of[1] / own[1]:.2f}" if of else "")
    print(f"| {list(shape)} | {dtype} | {' | '.join(cells)} |", flush=True)
    job.results.append({"benchmark": "rivals", "operator": "RotaryEmbedding", "shape": shape, "type": dtype, "microseconds": summary})
