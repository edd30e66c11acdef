"""A decoder of random weights, one token a step: the graph as exported and as fused, node by node and as a captured CUDA graph."""
import pathlib
import random
import statistics
import tempfile
import time

from .kit import fuse
from .outcome import Failure, check
from .runtime import Bound, difference, modules, placed, run, session

ROUNDS = 40
QUICK = 8
BATCHES = [1, 16]
# Results are sums of thousands of products in f16; how far two orders of them are apart.
TOLERANCE = 2e-2


def sizes_of(job, batch):
    from .llama import Sizes

    if job.dry:
        return Sizes(layers=min(job.layers, 2), hidden=min(job.hidden, 256), batch=batch, past=16, vocabulary=1000)
    return Sizes(layers=job.layers, hidden=job.hidden, batch=batch)


def graphs(kit, sizes, folder):
    """Writes the graph and what `phasor fuse` makes of it; gives the program's words where that fails."""
    import onnx

    from . import llama

    proto, size = llama.model(sizes)
    onnx.save(proto, folder / "model.onnx")
    # What is fused is not read for it; it must only be as long as the graph says.
    with open(folder / llama.WEIGHTS, "ab") as file:
        file.truncate(size)
    return fuse(kit, folder / "model.onnx", folder / "fused.onnx", "--no-verify", "--pairs")


def run_part(job):
    modules(job)
    from . import llama

    print("| batch | CUDA graph | as exported, ms | fused, ms | exported / fused: p10, median |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for batch in BATCHES:
            sizes = sizes_of(job, batch)
            provide(job, sizes, folder)
            if batch == BATCHES[0]:
                # They are the same for all.
                llama.write_weights(sizes, folder)
            inputs = [llama.feeds(sizes, step) for step in range(2)]
            [want], _ = run_checked(job, folder, inputs[:1])
            for captured in (False, True):
                times = compare(job, folder, inputs, want, captured)
                report(job, sizes, captured, times)


def provide(job, sizes, folder):
    """Puts both graphs into the folder: those brought along, or new ones.

    Raises Skip or Failure where there are none.
    """
    from .llama import Sizes

    brought = job.kit.get("decoders", {}).get(str(sizes.batch))
    for name in ("model.onnx", "fused.onnx"):
        (folder / name).unlink(missing_ok=True)
        if brought and sizes == Sizes(batch=sizes.batch):
            (folder / name).write_bytes((pathlib.Path(brought) / name).read_bytes())
    if not (folder / "fused.onnx").exists():
        job.need("phasor")
        why = graphs(job.kit, sizes, folder)
        if why is not None:
            raise Failure(f"the decoder cannot be fused: {why}")


def run_checked(job, folder, inputs):
    """The exported graph's results, once the fused one has been found to agree and to run where it should."""
    exported = session(job, folder / "model.onnx")
    want = [run(exported, feeds) for feeds in inputs]
    got, count = placed(job, folder / "fused.onnx", inputs)
    off = max(difference(g, some(w)) for g, w in zip(got, want))
    check(off <= TOLERANCE, f"fused, the decoder differs by {off:.1e}, expected at most {TOLERANCE:.0e}")
    print(", ".join(f"{number} {operator}" for operator, number in sorted(count.items())) + f"; differs by {off:.1e}", flush=True)
    return want, count


def some(results):
    """What depends on all the rest, and the first keys: to compare all caches takes longer than to measure."""
    return {name: results[name] for name in ("logits", "present_key_0")}


def compare(job, folder, inputs, want, captured):
    """Seconds of each step, by model."""
    settings = {"enable_cuda_graph": "1"} if captured else {}
    bound = {name: Bound(job, session(job, folder / f"{name}.onnx", **settings), inputs[0], want) for name in ("model", "fused")}
    times = {name: [] for name in bound}
    for round_ in range(QUICK if job.quick or job.dry else ROUNDS):
        for name in random.sample(list(bound), len(bound)):
            # What a step changes, as a loop of generation does.
            for value in ("ids", "positions"):
                bound[name].inputs[value].update_inplace(inputs[round_ % 2][value])
            begin = time.perf_counter()
            bound[name].run()
            times[name].append(time.perf_counter() - begin)
    off = difference(bound["fused"].read(some(want)), bound["model"].read(some(want)))
    check(off <= TOLERANCE, f"after the last step, the decoders differ by {off:.1e}, expected at most {TOLERANCE:.0e}")
    # The first are spent on allocating and capturing.
    return {name: all_[len(all_) // 4 :] for name, all_ in times.items()}


def report(job, sizes, captured, times):
    p10 = {name: sorted(all_)[len(all_) // 10] for name, all_ in times.items()}
    median = {name: statistics.median(all_) for name, all_ in times.items()}
    ratios = [of["model"] / of["fused"] for of in (p10, median)]
    print(
        f"| {sizes.batch} | {'captured' if captured else 'no'} | {1e3 * p10['model']:.3f} | {1e3 * p10['fused']:.3f} "
        f"| {ratios[0]:.3f}, {ratios[1]:.3f} |",
        flush=True,
    )
    job.record(
        benchmark="decode",
        **{name: getattr(sizes, name) for name in ("layers", "hidden", "batch", "past")},
        captured=captured,
        milliseconds={name: [1e3 * p10[name], 1e3 * median[name]] for name in times},
    )
