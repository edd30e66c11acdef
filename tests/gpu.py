#!/usr/bin/env python3
"""Runs every test and benchmark of the CUDA kernels on this machine's GPU.

    python3 tests/gpu.py                        everything; builds what it needs with cargo
    python3 tests/gpu.py --only capture models  some parts (`--list` says which there are)
    python3 tests/gpu.py --run 4                the parts of one run, each of which takes less than eight minutes, with --strict
    python3 tests/gpu.py --models DIR ...       with these models in place of those in `models/`
    python3 tests/gpu.py --json results.jsonl   appends what is measured to a file, a line each, as soon as it is there
    python3 tests/gpu.py --prepare KIT.tar.xz   makes one file of all that must be built, and runs nothing
    python3 tests/gpu.py --from KIT.tar.xz      runs with such a file, on a machine without Rust
    python3 tests/gpu.py --dry-run              on a machine without a GPU: ONNX Runtime's CPU provider and an emulated driver

A part whose means are absent is skipped and says why: the driver, onnxruntime-gpu, compute-sanitizer, PyTorch. Each part is a process
with a time limit of its own, in the Python of the search path that has most of what parts import. Exit codes: 0 nothing is wrong, 1 a part
failed, or with `--strict` was skipped, 2 a wrong command line or file.
"""
import argparse
import ctypes
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from gpu import kit as kits
from gpu.interpreter import chosen
from gpu.outcome import Failure, Skip
from gpu.parts import PARTS, RUNS, Job, run

SKIPPED = 77
# How much longer a part may take where a processor does the work of a device.
SLOWER = 4


def devices():
    """The names of the machine's GPUs, and why there are none."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError as error:
        return [], f"NVIDIA's driver is not there: {error}"
    count, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    outcome = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if outcome or not count.value:
        return [], f"the driver has no device (error {outcome})" if outcome else "the driver has no device"
    names = []
    for device in range(count.value):
        driver.cuDeviceGetName(name, 256, device)
        names.append(name.value.decode())
    return names, None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list the parts and the runs")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="PART", default=[part.name for part in PARTS], choices=[part.name for part in PARTS])
    which.add_argument("--run", type=int, choices=range(1, len(RUNS) + 1), help="the parts of a run, with --strict")
    parser.add_argument("--models", nargs="+", metavar="DIR", help="folders with a model, its inputs and its meta.json, or folders of such")
    parser.add_argument("--device", type=int, default=0, help="the number of the GPU")
    parser.add_argument("--limit", type=int, help="seconds for each part, in place of its own limit")
    parser.add_argument("--quick", action="store_true", help="less of everything that can be less")
    parser.add_argument("--layers", type=int, help="layers of the decoder (default 32)")
    parser.add_argument("--hidden", type=int, help="width of the decoder (default 4096)")
    parser.add_argument("--json", type=pathlib.Path, help="the file to append what is measured to")
    parser.add_argument("--strict", action="store_true", help="a skipped part is a failure")
    parser.add_argument("--dry-run", action="store_true", help="without a GPU, as far as that goes; measures nothing of use")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--prepare", type=pathlib.Path, metavar="FILE", help="make a file for --from")
    where.add_argument("--from", dest="carried", type=pathlib.Path, metavar="FILE", help="take what --prepare has made")
    # A part's own process.
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--job", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        args.only, args.strict = RUNS[args.run - 1], True
    return args


def one(name, path):
    """Runs a part in this process; what the process is to exit with."""
    part = next(part for part in PARTS if part.name == name)
    job = Job(**json.loads(path.read_text()))
    try:
        run(part, job)
    except Skip as why:
        print(f"skipped: {name}: {why}")
        return SKIPPED
    except Failure as why:
        print(f"error: {name}: {why}")
        return 1
    return 0


def apart(part, path, limit):
    """Runs a part in a process of its own: True, False, or None where it was skipped."""
    command = [chosen()[0], os.path.abspath(__file__), "--part", part.name, "--job", str(path)]
    process = subprocess.Popen(command, start_new_session=os.name != "nt")
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        print(f"error: {part.name}: not done after {limit} s")
        code = 1
    finally:
        # With all that it has started.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL) if os.name != "nt" else process.kill()
            process.wait()
    return None if code == SKIPPED else code == 0


def surroundings(args, names):
    """What measurements depend on."""
    found = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "dry_run": args.dry_run}
    found["gpu"] = names[args.device] if not args.dry_run else None
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        found["driver"] = subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.splitlines()[0]
    except (OSError, IndexError, subprocess.SubprocessError):
        found["driver"] = None
    for module in ("onnxruntime", "torch"):
        ask = [chosen()[0], "-c", f"import {module}; print({module}.__version__)"]
        done = subprocess.run(ask, capture_output=True, text=True)
        found[module] = done.stdout.strip() or None
    return found


def main():
    args = arguments()
    if args.part:
        return one(args.part, args.job)
    if args.list:
        for part in PARTS:
            print(f"{part.name:12} {part.text}")
        for number, names in enumerate(RUNS, 1):
            print(f"run {number:<8} {', '.join(names)}")
        return 0
    if args.prepare:
        try:
            from gpu.prepare import prepare
        except ImportError as error:
            print(f"error: {error.name} is not installed, which --prepare writes models with", file=sys.stderr)
            return 2
        return prepare(args.prepare, args.models)
    parts = [part for part in PARTS if part.name in args.only]
    with tempfile.TemporaryDirectory() as scratch:
        return report(*run_all(args, parts, pathlib.Path(scratch)), args.strict)


def run_all(args, parts, scratch):
    """How each part ended, and an exit code where none was run for want of what the command line names."""
    names, why = (["emulated"] * 2, None) if args.dry_run else devices()
    if why is None and args.device >= len(names):
        print(f"error: there is no device {args.device}, the machine has {len(names)}", file=sys.stderr)
        return {}, 2
    if why is not None:
        print(f"skipped: {', '.join(part.name for part in parts)}: {why}")
        return {part.name: None for part in parts}, None
    interpreter, modules = chosen()
    print(f"device {args.device}: {names[args.device]}\n{interpreter}: {', '.join(modules)}", flush=True)
    try:
        kit = kit_of(args, parts, scratch)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: `{args.carried}` is nothing that --prepare has made: {error}", file=sys.stderr)
        return {}, 2
    return all_of(args, parts, kit, names, scratch), None


def report(results, code, strict):
    """Says how the parts ended; the exit code."""
    if code is not None:
        return code
    print()
    for name, passed in results.items():
        print(f"{'skipped' if passed is None else 'passed' if passed else 'FAILED':8} {name}")
    return 0 if all(passed or passed is None and not strict for passed in results.values()) else 1


def kit_of(args, parts, scratch):
    if args.carried:
        folder = args.carried
        if not folder.is_dir():
            folder = scratch / "kit"
            kits.unpack(args.carried, folder)
        kit = kits.carried(folder)
        kit["models"] = [str(path) for path in kits.model_folders(args.models)] if args.models else kit["models"]
    else:
        needed = {need for part in parts for need in part.needs if need != "driver" or args.dry_run}
        needed |= {"phasor"} if any(part.name == "models" for part in parts) else set()
        # In this order: the emulated driver is built with the suite.
        kit = kits.build([name for name in kits.BUILDERS if name in needed])
        kit["models"] = [str(path) for path in kits.model_folders(args.models or [kits.ROOT / "models"])]
    return kit


def all_of(args, parts, kit, names, scratch):
    """Runs the parts; how each ended."""
    results, path = {}, scratch / "job"
    output = str(args.json.resolve()) if args.json else None
    job = Job(kit, args.device, len(names), args.dry_run, args.quick, kit["models"], args.layers or 32, args.hidden or 4096, output)
    job.record(benchmark="surroundings", **surroundings(args, names))
    path.write_text(json.dumps(vars(job)))
    for part in parts:
        print(f"\n== {part.name}: {part.text}", flush=True)
        began = time.monotonic()
        limit = part.seconds // 3 if args.quick else part.seconds
        limit *= SLOWER if args.dry_run else 1
        results[part.name] = apart(part, path, limit if args.limit is None else args.limit)
        print(f"{part.name}: {time.monotonic() - began:.0f} s", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
