"""What the device's memory reaches: copies of gigabytes by a kernel, by the driver and, where there is PyTorch, by that."""
from .bench import bench

TORCH_BYTES = 4 << 30
ROUNDS = 20


def run_part(job):
    for found in bench(job, "--ceiling"):
        job.record(benchmark="ceiling", **found)
        print(", ".join(f"{name}: {value}" for name, value in found.items()), flush=True)
    if not job.dry:
        by_torch(job)


def by_torch(job):
    try:
        import torch
    except ImportError:
        print("skipped: PyTorch is not installed", flush=True)
        return
    a, b = (torch.empty(TORCH_BYTES, dtype=torch.uint8, device=f"cuda:{job.device}") for _ in range(2))
    for name, work, moved in (("copy_", lambda: b.copy_(a), 2 * TORCH_BYTES), ("zero_", b.zero_, TORCH_BYTES)):
        rates = []
        for _ in range(ROUNDS):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            work()
            begin.record()
            work()
            end.record()
            end.synchronize()
            rates.append(moved / begin.elapsed_time(end) / 1e6)
        job.record(benchmark="ceiling", by=f"torch {name}", gigabytes_per_second=max(rates))
        print(f"torch {name}: {max(rates):.0f} GB/s", flush=True)
