#!/usr/bin/env python3
"""Models with attention at real widths before and after `phasor fuse`, and what other fusers make of them, in ONNX Runtime on the CPU.

    python benches/attention_models.py FOLDER
    python benches/attention_end_to_end.py FOLDER [--quick] [--only NAME,NAME] [--points TEXT] [--tools TEXT,TEXT]
                                                  [--threads 1,2] [--rounds N] [--json FILE] [--phasor PATH] [--ops PATH]

A row is a model at one point; `ms` is the fastest run of the original. The other columns are how many times as fast the same run is:

* `again`: the original in a second session, so what noise there is;
* ONNX Runtime's optimizer and onnxscript's fusions, and operators of ONNX Runtime and ONNX put in by hand (`attention_variants.py`);
* `Phasor`: after `phasor fuse`, without a library, and `with library`: the same file with Phasor's operators registered.

A variant has `*` if its outputs differ from the original's where a batch is padded (operators have their own ideas of rows that see no key),
`!` if they differ in the case measured, and is `-` if it does not exist or does not run; the reasons are written to standard error.

The first ratio is that of sums over nodes, of the fastest time that ONNX Runtime's profile has of each: it bears other load on the machine
best, and leaves out what lies between nodes. The second is that of runs. In every round all sessions are made anew, since the placement
of weights decides some per cent, run twice, and then timed in an order that is shuffled for every turn; the ratio is the median of a
round's turns, and of the rounds, in brackets an interval that has the true median in 95 of 100 sittings (with less than six rounds:
their extremes). With one thread the time of a run is that of the processor, with several the clock's, and there are no sums over
nodes. `MB` is the largest resident set of a process that loads the model and runs it once.

Needs onnxruntime, onnx and numpy, for one of the tools onnxscript, the program (`cargo build --release`), and for the last column the operator
library (`cargo build --release -p phasor-ops`); Linux.
"""
import argparse
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnx
    import onnxruntime as ort
    from attention_variants import KINDS, VARIANTS, Absent, converted, fused

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / "target" / "release"
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
WORDS = 8000
# Name, batch, new tokens, past: of decoders and of encoders.
DECODER = [
    ("decode after 512", 1, 1, 512),
    ("decode after 2048", 1, 1, 2048),
    ("decode after 512, batch of 4", 4, 1, 512),
    ("64 after 512", 1, 64, 512),
    ("prefill 512", 1, 512, 0),
    ("prefill 2048", 1, 2048, 0),
]
ENCODER = [("128", 1, 128, 0), ("512", 1, 512, 0)]
WHISPER = [("1500", 1, 1500, 0)]
# Batch, new tokens, past of the runs with padding: of the second the padded tokens of a decoder see no key.
PADDED = [(2, 3, 9), (2, 12, 0)]
QUICK = ("decode after 512", "prefill 512", "128")
# How far outputs of one model may be apart, as a share of the largest. Products with 4-bit weights at accuracy level 4 round activations to
# 8 bits, so that the last digit of an input may change an output by 1 in 127, a few times over.
CLOSE = {"f32": 1e-4, "f16": 2e-2, "int4": 5e-2}
# A round times the original this long at least, in seconds, and this often at least.
ROUND, RUNS = 0.5, 4


def session(path, library=None, threads=1, profile=None):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    if library:
        options.register_custom_ops_library(str(library))
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(session, batch, new, past, padded=0):
    """Random inputs. Of the last row of the batch so many tokens are `padded`: on the left with a past, else on the right."""
    random = np.random.default_rng(2)
    decoder = any(given.name == "position_ids" for given in session.get_inputs())
    mask = np.ones((batch, past + new), np.int64)
    if padded:
        mask[-1, slice(0, padded) if decoder else slice(-padded, None)] = 0
    made = {}
    for given in session.get_inputs():
        if given.name == "input_ids":
            made[given.name] = random.integers(3, WORDS, (batch, new))
        elif given.name == "attention_mask":
            made[given.name] = mask
        elif given.name == "position_ids":
            made[given.name] = np.maximum(np.cumsum(mask, 1) - 1, 0)[:, past:]
        else:
            shape = list(given.shape)
            shape[0] = batch
            if given.name.startswith("past"):
                shape[2] = past
            made[given.name] = (0.5 * random.standard_normal(shape)).astype(FLOATS[given.type])
    return made


def results(session, inputs):
    return [y.astype(np.float64) for y in session.run(None, inputs)]


def difference(wanted, got):
    """How far outputs are apart at most, as a share of the largest number of each."""
    worst = 0.0
    for a, b in zip(wanted, got, strict=True):
        if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
            return math.inf
        if a.size:
            worst = max(worst, float(np.nanmax(np.abs(a - b)) / max(np.nanmax(np.abs(a)), 1e-30)))
    return worst


class Variant:
    """A file and how it runs. `marks` are `*` and `!` as the table has them."""

    def __init__(self, name, path, library=None):
        self.name, self.path, self.library, self.marks, self.error = name, path, library, "", None

    def session(self, threads=1, profile=None):
        return session(self.path, self.library, threads, profile)

    def peak(self, point):
        """Megabytes of a process that runs the model once."""
        command = [sys.executable, __file__, str(self.path), "--alone", json.dumps(point), "--ops", str(self.library or "")]
        done = subprocess.run(command, capture_output=True, text=True)
        return float(done.stdout) if done.returncode == 0 else None


def own_peak():
    """Megabytes that this process has held at most."""
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def note(text):
    print(text, file=sys.stderr, flush=True)


def named(path):
    """The name of the model that a file holds, a key of `KINDS`, and its type."""
    name, _, dtype = path.stem.rpartition("-")
    return (name, dtype) if dtype in CLOSE else (path.stem, "f32")


def variants(arguments, path, folder):
    """The original twice, every other tool's model, and Phasor's. Those that do not exist are noted."""
    name, dtype = named(path)
    found = [Variant("original", path), Variant("again", path)]
    source = path.with_name(f"{name}.onnx")
    for title, make in VARIANTS.items():
        if title not in arguments.tools:
            continue
        output = folder / f"{title}.onnx"
        try:
            onnx.save(converted(make(source, KINDS[name], arguments.phasor), dtype), output)
        except Exception as error:  # The tools' errors have no common base.
            found.append(Variant(title, None))
            found[-1].error = str(error) if isinstance(error, Absent) else f"{type(error).__name__}: {error}"
            continue
        found.append(Variant(title, output))
    report = fused(arguments.phasor, path, folder / "phasor.onnx")
    sites = {rule["rule"]: rule["sites"] for rule in report["rules"]}
    found.append(Variant("Phasor", folder / "phasor.onnx"))
    if arguments.ops:
        found.append(Variant("with library", folder / "phasor.onnx", arguments.ops))
    return sites, found


def check(dtype, found, point, padded):
    """Compares every variant with the original, marks those that differ, and sets aside those that do not run."""
    original = found[0].session()
    batch, new, past = point
    inputs = feeds(original, batch, new, past, padded)
    wanted = results(original, inputs)
    apart = {}
    for variant in found[1:]:
        if variant.error:
            continue
        try:
            apart[variant.name] = difference(wanted, results(variant.session(), inputs))
        except Exception as error:  # ONNX Runtime's errors have no common base.
            if padded:
                variant.marks = "*"
                note(f"{variant.name}: fails where a batch is padded: {str(error).splitlines()[0][:160]}")
            else:
                variant.error = str(error).splitlines()[0]
            continue
        if not apart[variant.name] <= CLOSE[dtype]:
            variant.marks = "*" if padded else "!"
    return apart


def interval(values):
    """The order statistics between which the median of the distribution lies in 95 of 100 samples: those of the binomial distribution."""
    values, count = sorted(values), len(values)
    outside, below = 0, -1
    for k in range(count // 2):
        outside += 2 * math.comb(count, k) / 2**count
        if outside > 0.05:
            break
        below = k
    below = max(below, 0)
    return values[below], values[count - 1 - below]


def nodes(found, point, turns):
    """For each variant that runs the sum of the fastest times of its nodes, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        sessions = {variant.name: variant.session(profile=pathlib.Path(folder) / "profile") for variant in found if not variant.error}
        inputs = feeds(sessions["original"], *point)
        for _ in range(turns):
            for name in random.sample(sorted(sessions), len(sessions)):
                sessions[name].run(None, inputs)
        sums = {}
        for name, made in sessions.items():
            fastest = {}
            for event in json.loads(pathlib.Path(made.end_profiling()).read_text()):
                if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                    node = event["args"]["node_index"], event["name"]
                    fastest[node] = min(fastest.get(node, math.inf), event["dur"])
            sums[name] = sum(fastest.values()) / 1e3
        return sums


def measured(found, point, count, threads):
    """For each variant that runs its milliseconds, and how many times as fast as the original it is, with an interval."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    alive = [variant for variant in found if not variant.error]
    ratios = {variant.name: [] for variant in alive}
    fastest = {variant.name: math.inf for variant in alive}
    for _ in range(count):
        sessions = {variant.name: variant.session(threads) for variant in random.sample(alive, len(alive))}
        inputs = feeds(sessions["original"], *point)
        for made in sessions.values():
            made.run(None, inputs)
            made.run(None, inputs)  # The memory that the first run has asked for is one block from now on.
        began = clock()
        sessions["original"].run(None, inputs)
        runs = max(RUNS, math.ceil(ROUND / (clock() - began)))
        times = {name: [] for name in sessions}
        for _ in range(runs):
            for name in random.sample(sorted(sessions), len(sessions)):
                began = clock()
                sessions[name].run(None, inputs)
                times[name].append(clock() - began)
        for name, taken in times.items():
            ratios[name].append(statistics.median(original / other for original, other in zip(times["original"], taken)))
            fastest[name] = min(fastest[name], *taken)
    made = {}
    for name, of_rounds in ratios.items():
        low, high = interval(of_rounds)
        made[name] = {"ms": 1e3 * fastest[name], "ratio": statistics.median(of_rounds), "low": low, "high": high}
    if threads == 1:
        sums = nodes(alive, point, 2 * runs)
        for name, ms in sums.items():
            made[name] |= {"nodes_ms": ms, "nodes": sums["original"] / ms}
    return made


def points(name, chosen, quick):
    every = DECODER if KINDS[name].decoder else WHISPER if name == "whisper" else ENCODER
    return [point for point in every if chosen in point[0] and (not quick or point[0] in QUICK)]


def shown(variant, row):
    if variant.error or variant.name not in row["variants"]:
        return "-"
    one = row["variants"][variant.name]
    nodes = f"{one['nodes']:.2f}, " if "nodes" in one else ""
    return f"{nodes}{one['ratio']:.2f} ({one['low']:.2f} to {one['high']:.2f}){variant.marks}"


def bench(arguments, path, folder, record):
    name, dtype = named(path)
    sites, found = variants(arguments, path, folder)
    note(f"{path.stem}: " + (", ".join(f"{count} {rule}" for rule, count in sites.items()) or "nothing fused"))
    for point in PADDED if KINDS[name].decoder else PADDED[1:]:
        check(dtype, found, point, 4)
    for variant in found:
        if variant.error:
            note(f"{path.stem}: no {variant.name}: {variant.error[:200]}")
    for title, *point in points(name, arguments.points, arguments.quick):
        apart = check(dtype, found, point, 0)
        for threads in arguments.threads:
            times = measured(found, point, arguments.rounds, threads)
            row = {"model": path.stem, "point": title, "threads": threads, "sites": sites, "variants": times}
            for variant in found:
                if variant.name in row["variants"]:
                    more = {"difference": apart.get(variant.name), "marks": variant.marks}
                    if threads == arguments.threads[0] and arguments.memory:
                        more["MB"] = variant.peak(point)
                    row["variants"][variant.name] |= more
            cells = [path.stem, title, str(threads), f"{row['variants']['original']['ms']:.3g}", *(shown(v, row) for v in found[1:])]
            print("| " + " | ".join(cells) + " |", flush=True)
            if threads == arguments.threads[0] and arguments.memory:
                held = [row["variants"].get(v.name, {}).get("MB") for v in found]
                print("| | MB | | " + " | ".join("-" if mb is None else f"{mb:.0f}" for mb in held) + " |", flush=True)
            if record:
                print(json.dumps(row), file=record, flush=True)


def alone(path, library, point):
    """Runs a model once and prints what the process held; nothing else of this script's has grown it by then."""
    made = session(path, library)
    made.run(None, feeds(made, *point))
    print(own_peak())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--phasor", type=pathlib.Path, default=RELEASE / "phasor")
    parser.add_argument("--ops", type=lambda text: text and pathlib.Path(text), default=RELEASE / "libphasor_ops.so")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of files, such as llama-int4, separated by commas")
    parser.add_argument("--points", default="", help="points whose name contains this")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=VARIANTS, help="which of " + ", ".join(VARIANTS))
    parser.add_argument("--quick", action="store_true", help=f"three rounds of {', '.join(QUICK)}, no memory")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1])
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument("--json", type=pathlib.Path, help="file to add all figures to, a line for each row")
    parser.add_argument("--alone", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        alone(arguments.folder, arguments.ops, arguments.alone)
        return 0
    arguments.tools = [title for title in VARIANTS if title in arguments.tools]
    if arguments.quick:
        arguments.rounds, arguments.memory = 3, False
    models = sorted(path for path in arguments.folder.glob("*.onnx") if path.stem in (arguments.only or [path.stem]))
    needs.linux()
    if not models:
        needs.missing(f"no such model in `{arguments.folder}`", f"`python benches/attention_models.py {arguments.folder}` exports them")
    needs.built(arguments.phasor, needs.PROGRAM, "--phasor")
    if not arguments.ops or not arguments.ops.exists():
        note(f"no operator library `{arguments.ops}`: leaving out the column `with library`\nhint: `cargo build --release -p phasor-ops`")
        arguments.ops = None
    columns = ["model", "point", "threads", "ms", "again", *arguments.tools, "Phasor", *(["with library"] if arguments.ops else [])]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
    with open(arguments.json or "/dev/null", "a") as record:
        for path in models:
            with tempfile.TemporaryDirectory() as folder:
                bench(arguments, path, pathlib.Path(folder), record if arguments.json else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
