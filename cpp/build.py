#!/usr/bin/env python3
"""Compiles the CUDA kernels with a pinned nvcc from PyPI, and keeps what is committed of them.

    python3 cpp/build.py            writes ops/ptx
    python3 cpp/build.py --check    says whether ops/ptx is what the kernels compile to, and the driver as CUDA's header has it
    python3 cpp/build.py --sass     compiles for every architecture, and checks the machine code

Warnings are errors everywhere. The packages, some hundred megabytes, are installed into `target/cuda`. Exit codes: 0 done,
1 something is not as it should be, 77 the packages cannot be installed.

A file of PTX is compiled for the driver to compile further, so it says `.version 7.0`, which drivers of CUDA 11.0 and newer read; the
compiler's own version only they of its own release would. There are two of each kernel: for Turing, and for everything newer, which
converts bfloat16 in hardware. The rules for machine code:

* nothing is kept in memory for want of registers, and no kernel has more than `REGISTERS`;
* a kernel that is not in `NARROW` stores 16 bytes per access and nothing smaller; one of a family in `WIDE_LOADS` loads as much.
"""
import argparse
import concurrent.futures
import difflib
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv

import driver_header

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
# The crate that embeds it is published without this folder.
PTX = HERE.parent / "ops" / "ptx"
PACKAGES = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    # The compiler's own headers; the kernels include none.
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-cuobjdump==13.5.37",
    "nvidia-cuda-nvdisasm==13.5.37",
]
ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120]
# Of these there is PTX (`ops/build/images.rs` knows them too).
VIRTUAL = [75, 80]
PTX_VERSION = "7.0"
FLAGS = ["-std=c++17", "-Werror", "all-warnings"]

# Variants that move one element per access, and families that load whole accesses of 16 bytes.
NARROW = ("_scalar", "_moved")
WIDE_LOADS = ["angles", "rotary"]
# Registers of a thread: with 80, a multiprocessor holds three blocks of 256 threads.
REGISTERS = 80


def toolkit():
    """The folder of the toolkit; None if the packages cannot be installed."""
    folder = TARGET / "cuda"
    stamp = folder / "installed"
    wanted = hashlib.sha256("\n".join([*PACKAGES, sys.version]).encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        if subprocess.run([*pip, *PACKAGES]).returncode != 0:
            return None
        stamp.write_text(wanted)
    return next(folder.glob("lib/python3*/site-packages/nvidia/cu13"))


def families():
    return sorted(path.stem for path in HERE.glob("*.cu"))


class Tools:
    def __init__(self, folder):
        self.bin = folder / "bin"

    def run(self, *command):
        """Standard output and standard error of a tool; its failure ends the program."""
        env = {**os.environ, "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}"}
        made = subprocess.run([self.bin / command[0], *map(str, command[1:])], env=env, capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(f"error: {' '.join(map(str, command))}\n{made.stdout}{made.stderr}")
        return made.stdout + made.stderr

    def ptx(self, family, virtual, folder):
        """The text for a virtual architecture, as it is committed."""
        made = folder / f"{family}_{virtual}.ptx"
        self.run("nvcc", *FLAGS, "-ptx", f"-arch=compute_{virtual}", "-o", made, HERE / f"{family}.cu")
        lines = [re.sub(r"\s*//.*", "", line) for line in made.read_text().splitlines()]
        # Which bytes of an access matter is of use to newer compilers alone.
        lines = [line for line in lines if not line.strip().startswith('.pragma "used_bytes_mask')]
        text = "\n".join(line for line in lines if line.strip()) + "\n"
        text, count = re.subn(r"(?m)^\.version .*$", f".version {PTX_VERSION}", text)
        assert count == 1
        # It must be a program of that version.
        made.write_text(text)
        self.run("ptxas", f"-arch=sm_{virtual}", "-o", folder / f"{family}_{virtual}.cubin", made)
        return text

    def complaints(self, family, architecture, folder):
        """What is wrong with the machine code for an architecture."""
        made = folder / f"{family}_{architecture}.cubin"
        said = self.run("nvcc", *FLAGS, "-Xptxas", "-v", "-cubin", f"-arch=sm_{architecture}", "-o", made, HERE / f"{family}.cu")
        usage = r"entry function '(\w+)'.*\n.*\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+).*\n.*Used (\d+) registers"
        found = {name: list(map(int, numbers)) for name, *numbers in re.findall(usage, said)}
        code = {}
        for function in self.run("cuobjdump", "-sass", made).split("Function : ")[1:]:
            code[function.split()[0]] = re.findall(r"\b(LDG|STG|LDL|STL)((?:\.\w+)*)", function)
        if not found or found.keys() != code.keys():
            yield f"the compiler's report is not understood:\n{said}"
        for name, (stack, stores, loads, registers) in sorted(found.items()):
            if stack or stores or loads:
                yield f"{name}: {stack} bytes of stack, {stores} spilled, {loads} loaded again"
            if registers > REGISTERS:
                yield f"{name}: {registers} registers, expected at most {REGISTERS}"
        for name, accesses in sorted(code.items()):
            if any(kind in ("LDL", "STL") for kind, _ in accesses):
                yield f"{name}: uses local memory"
            if name.endswith(NARROW):
                continue
            stores = [widths for kind, widths in accesses if kind == "STG"]
            narrow = [widths for widths in stores if ".128" not in widths]
            if not stores or narrow:
                yield f"{name}: {len(stores)} stores, {len(narrow)} of them of less than 16 bytes"
            if family in WIDE_LOADS and not any(".128" in widths for kind, widths in accesses if kind == "LDG"):
                yield f"{name}: no load of 16 bytes"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with ops/ptx instead of writing it")
    parser.add_argument("--sass", action="store_true", help="check the machine code for every architecture")
    args = parser.parse_args()
    folder = toolkit()
    if folder is None:
        print("skipped: the compiler's packages cannot be installed from PyPI", file=sys.stderr)
        sys.exit(77)
    tools = Tools(folder)
    wrong = []
    with tempfile.TemporaryDirectory() as made, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pathlib.Path(made)
        if args.check or not args.sass:
            work = {f"{family}_{virtual}.ptx": pool.submit(tools.ptx, family, virtual, made) for family in families() for virtual in VIRTUAL}
            wanted = {name: text.result() for name, text in work.items()}
            wrong += compare(wanted) if args.check else write(wanted)
        if args.check:
            wrong += driver_header.complaints(folder / "include", made)
        if args.sass:
            work = {(f, a): pool.submit(lambda f, a: list(tools.complaints(f, a, made)), f, a) for f in families() for a in ARCHITECTURES}
            wrong += [f"sm_{a}: {text}" for (_, a), found in work.items() for text in found.result()]
    for text in wrong:
        print(f"error: {text}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def write(wanted):
    PTX.mkdir(exist_ok=True)
    for path in PTX.glob("*.ptx"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (PTX / name).write_text(text)
        print(f"wrote {PTX / name}")
    return []


def compare(wanted):
    there = {path.name: path.read_text() for path in PTX.glob("*.ptx")}
    for name in sorted(there.keys() | wanted.keys()):
        old, new = there.get(name, ""), wanted.get(name, "")
        if old != new:
            lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:12]
            yield "\n".join([f"ops/ptx/{name} is not what the kernels compile to; run `python3 cpp/build.py`", *lines])


if __name__ == "__main__":
    main()
