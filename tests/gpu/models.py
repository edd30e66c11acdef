"""Exported models, fused, on the device, against the original on the CPU."""
import json
import pathlib
import tempfile

from .kit import fuse
from .outcome import Failure, Skip, check
from .runtime import difference, modules, placed, run, session

TOLERANCE = {"float16": 2e-2, "bfloat16": 6e-2}
SINGLE = 2e-4


def run_part(job):
    modules(job)
    import numpy as np

    wrong, seen = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        for folder in map(pathlib.Path, job.models):
            fused = job.kit.get("fused", {}).get(folder.name)
            if fused is None:
                job.need("phasor")
                fused = pathlib.Path(scratch) / folder.name / "fused.onnx"
                fused.parent.mkdir()
                why = fuse(job.kit, folder / "model.onnx", fused)
                if why is not None:
                    wrong.append(f"{folder.name}: cannot be fused: {why}")
                    continue
            meta = json.loads((folder / "meta.json").read_text()) if (folder / "meta.json").exists() else {}
            dtype = meta.get("dtype", "float32")
            sets = [dict(np.load(path)) for path in sorted(folder.glob("inputs_*.npz"))]
            if not sets:
                wrong.append(f"{folder.name}: has no inputs_*.npz")
                continue
            if job.dry and dtype == "bfloat16":
                print(f"skipped: {folder.name}: ONNX Runtime's CPU provider cannot run it", flush=True)
                continue
            try:
                # The CPU provider lacks kernels for much of a model in bfloat16; PyTorch's results are there instead.
                cpu = None if dtype == "bfloat16" else session(job, folder / "model.onnx", library=False, host=True)
                wanted = [run(cpu, feeds) if cpu else dict(np.load(folder / f"expected_{i}.npz")) for i, feeds in enumerate(sets)]
                results, count = placed(job, fused, sets)
                worst = max(difference(got, want) for got, want in zip(results, wanted))
                limit = TOLERANCE.get(dtype, SINGLE)
                check(worst <= limit, f"differs by {worst:.1e}, expected at most {limit:.0e}")
            except Failure as failure:
                wrong.append(f"{folder.name}: {failure}")
                continue
            except Exception as error:
                wrong.append(f"{folder.name}: {' '.join(str(error).split())[:300]}")
                continue
            if not count:
                print(f"skipped: {folder.name}: nothing in it is fused", flush=True)
                continue
            seen += 1
            ran = ", ".join(f"{number} {operator}" for operator, number in sorted(count.items()))
            print(f"{folder.name}: {dtype}, {ran}; differs by {worst:.1e}", flush=True)
    if wrong:
        raise Failure("\n".join(wrong))
    if not seen:
        raise Skip("there is no model in which something is fused")
