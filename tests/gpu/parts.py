"""The parts, in the order in which they are run, and what one is told; and the runs that several of them make."""
import dataclasses
import importlib
import json
import pathlib

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
    Part("machine", "machine", [], 30, "what the machine has: driver, clocks, Python, tools"),
    Part("ceiling", "ceiling", ["kernels", "driver"], 90, "benchmark: copies and fills of gigabytes, beside which all else is seen"),
    Part("loading", "loading", ["kernels", "driver"], 90, "benchmark: how long kernels take to load, compiled anew and from the driver's cache"),
    Part("conformance", "conformance", ["conformance", "driver"], 420, "the conformance suite of the kernels on the device"),
    Part("kernels", "bench_kernels", ["kernels", "driver"], 450, "benchmark: kernels alone, and their share of what the device's memory reaches"),
    Part("variants", "bench_variants", ["kernels", "variants", "driver"], 420, "benchmark: other ways to build kernels, in turn with the library's"),
    Part("profile", "profile", ["kernels", "driver"], 240, "what Nsight Compute says of five kernels"),
    Part("sanitizer", "sanitizer", ["conformance", "driver"], 450, "some conformance tests under compute-sanitizer"),
    Part("operators", "operators", ["library"], 100, "every operator in ONNX Runtime, against its CPU kernel"),
    Part("capture", "capture", ["library"], 60, "CUDA graphs, captured once and replayed on changed inputs"),
    Part("threads", "threads", ["library"], 60, "sessions side by side, in streams of their own"),
    Part("models", "models", ["library"], 120, "fused models, against the originals on the CPU"),
    Part("devices", "devices", ["conformance", "library", "driver"], 120, "the machine's other devices"),
    Part("rivals", "bench_rivals", ["library"], 270, "benchmark: against ONNX Runtime's operators, the graph as exported, and PyTorch"),
    Part("decode", "bench_decode", ["library", "phasor"], 190, "benchmark: a decoder, token by token, fused and not"),
]

# What to run on a machine that is lent for minutes, in this order: each is of use without those after it, and takes less than eight.
RUNS = [
    ["machine"],
    ["ceiling"],
    ["loading"],
    ["conformance"],
    ["kernels"],
    ["variants"],
    ["profile"],
    ["sanitizer"],
    ["operators", "capture", "threads", "models", "devices"],
    ["rivals", "decode"],
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
    # The file that `--json` names, if any.
    output: str | None = None

    def need(self, name):
        """The path of something of the kit.

        Raises Skip where it is missing.
        """
        if name not in self.kit:
            raise Skip(self.kit["missing"].get(name, f"there is no {name}"))
        return self.kit[name]

    def record(self, **found):
        """Appends a line to the file of results at once, so that a part that is ended loses nothing."""
        if self.output:
            with pathlib.Path(self.output).open("a") as file:
                file.write(json.dumps(found) + "\n")


def run(part, job):
    importlib.import_module(f".{part.module}", __package__).run_part(job)
