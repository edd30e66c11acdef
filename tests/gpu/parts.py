"""The parts, in the order in which they are run, and what one is told."""
import dataclasses
import importlib

from .outcome import Skip


@dataclasses.dataclass
class Part:
    name: str
    module: str
    # What it needs of the kit, and seconds it may take; with `--quick`, a third of them.
    needs: list
    seconds: int
    text: str


PARTS = [
    Part("conformance", "conformance", ["conformance", "driver"], 120, "the conformance suite of the kernels on the device"),
    Part("operators", "operators", ["library"], 90, "every operator in ONNX Runtime, against its CPU kernel"),
    Part("models", "models", ["library"], 120, "fused models, against the originals on the CPU"),
    Part("capture", "capture", ["library"], 60, "CUDA graphs, captured once and replayed on changed inputs"),
    Part("threads", "threads", ["library"], 60, "sessions side by side, in streams of their own"),
    Part("devices", "devices", ["conformance", "library", "driver"], 120, "the machine's other devices"),
    Part("sanitizer", "sanitizer", ["conformance"], 180, "the conformance suite under compute-sanitizer"),
    Part("kernels", "bench_kernels", ["kernels", "driver"], 90, "benchmark: kernels alone, and their share of what copying reaches"),
    Part("rivals", "bench_rivals", ["library"], 150, "benchmark: against ONNX Runtime's operators, the graph as exported, and PyTorch"),
    Part("decode", "bench_decode", ["library", "phasor"], 180, "benchmark: a decoder, token by token, fused and not"),
]


@dataclasses.dataclass
class Job:
    kit: dict
    device: int
    devices: int
    dry: bool
    quick: bool
    models: list
    layers: int
    hidden: int
    # What benchmarks measure, for the file that `--json` names.
    results: list = dataclasses.field(default_factory=list)

    def need(self, name):
        """The path of something of the kit.

        Raises Skip where it is missing.
        """
        if name not in self.kit:
            raise Skip(self.kit["missing"].get(name, f"there is no {name}"))
        return self.kit[name]


def run(part, job):
    importlib.import_module(f".{part.module}", __package__).run_part(job)
