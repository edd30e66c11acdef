#!/usr/bin/env python3
"""Compiles the CUDA kernels with a pinned nvcc from PyPI, and keeps what is committed of them.

    python3 cpp/build.py                 writes ops/ptx, and the copy that benchmarks compare with
    python3 cpp/build.py --sass          compiles for every architecture, checks the machine code, and writes registers.txt
    python3 cpp/build.py --check         says whether all that is committed is what the kernels compile to (registers.txt with --sass),
                                         and the driver as CUDA's header has it
    python3 cpp/build.py --variants DIR  writes PTX of each variant in VARIANTS, for `gpu_bench --images`
    python3 cpp/build.py --sizes         says how large machine code would be

Warnings are errors everywhere. The packages, some hundred megabytes, are installed into `target/cuda`. Exit codes: 0 done,
1 something is not as it should be, 77 the packages cannot be installed.

A file of PTX is compiled for the driver to compile further, so it says `.version 7.0`, which drivers of CUDA 11.0 and newer read; the
compiler's own version only they of its own release would. There are two of each kernel: for Turing, and for everything newer, which
converts bfloat16 in hardware. The rules for machine code:

* nothing is kept in memory for want of registers, and no kernel has more than `REGISTERS`;
* a kernel that is not in `NARROW` stores 16 bytes per access and nothing smaller; one of a family in `WIDE_LOADS` loads as much;
* no store is ordered among threads (`STRONG`);
* a kernel in `AT_ONCE` asks for a row and its tables before it waits for any of them.

`registers.txt` has the registers of every kernel, and how many blocks a multiprocessor holds with them; the plans of `ops/src/cuda` are
held to it by a test.
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
import sass

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

# Other ways to build kernels, of which a device must tell which is faster: families and flags.
VARIANTS = {
    "strong_stores": (["angles", "relative_bias", "relative_gather", "rotary"], ["-DPHASOR_STRONG_STORES"]),
    "three_blocks": (["rotary"], ["-DPHASOR_PAIR_BLOCKS=3"]),
    "adjacent_vectors": (["rotary"], ["-DPHASOR_VECTORS_APART=false"]),
}

# Variants that move less than 16 bytes per access, and families that load whole accesses of 16 bytes.
NARROW = ("_scalar", "_moved", "_heads_channel")
WIDE_LOADS = ["angles", "rotary"]
# Kernels that read tensors and tables together.
AT_ONCE = ("_pair",)
# Registers of a thread: with 80, a multiprocessor holds three blocks of 256 threads.
REGISTERS = 80
# Threads that a multiprocessor holds, where not 2048, and threads of a block.
RESIDENT = {75: 1024, 86: 1536, 89: 1536, 120: 1536}
BLOCK = 256
TABLE = HERE / "registers.txt"
TABLE_HEAD = "# Registers of a thread / blocks that a multiprocessor holds, by compute capability. `build.py --sass` writes this file."


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


def texts():
    """The PTX that is committed: its path, its source and its architecture."""
    for family in families():
        for virtual in VIRTUAL:
            yield PTX / f"{family}_{virtual}.ptx", HERE / f"{family}.cu", virtual
    yield HERE / "device" / "copy_75.ptx", HERE / "device" / "copy.cu", 75


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

    def ptx(self, source, virtual, made, *flags):
        """The text for a virtual architecture, as it is committed; `made` is a scratch file."""
        self.run("nvcc", *FLAGS, *flags, "-ptx", f"-arch=compute_{virtual}", "-o", made, source)
        lines = [re.sub(r"\s*//.*", "", line) for line in made.read_text().splitlines()]
        # Which bytes of an access matter is of use to newer compilers alone.
        lines = [line for line in lines if not line.strip().startswith('.pragma "used_bytes_mask')]
        text = "\n".join(line for line in lines if line.strip()) + "\n"
        text, count = re.subn(r"(?m)^\.version .*$", f".version {PTX_VERSION}", text)
        assert count == 1
        # It must be a program of that version.
        made.write_text(text)
        self.run("ptxas", f"-arch=sm_{virtual}", "-o", made.with_suffix(".cubin"), made)
        return text

    def machine_code(self, family, architecture, folder):
        """Registers of each kernel for an architecture, and what is wrong with its machine code."""
        made = folder / f"{family}_{architecture}.cubin"
        said = self.run("nvcc", *FLAGS, "-Xptxas", "-v", "-cubin", f"-arch=sm_{architecture}", "-o", made, HERE / f"{family}.cu")
        usage = r"entry function '(\w+)'.*\n.*\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+).*\n.*Used (\d+) registers"
        found = {name: list(map(int, numbers)) for name, *numbers in re.findall(usage, said)}
        code = {}
        for function in self.run("cuobjdump", "-sass", made).split("Function : ")[1:]:
            code[function.split()[0]] = re.findall(r"/\*[0-9a-f]{4,}\*/\s+(.*?);", function)
        if not found or found.keys() != code.keys():
            return {}, [f"the compiler's report is not understood:\n{said}"]
        wrong = []
        for name, (stack, stores, loads, registers) in sorted(found.items()):
            if stack or stores or loads:
                wrong.append(f"{name}: {stack} bytes of stack, {stores} spilled, {loads} loaded again")
            if registers > REGISTERS:
                wrong.append(f"{name}: {registers} registers, expected at most {REGISTERS}")
            kinds = (name.endswith(NARROW), family in WIDE_LOADS, name.endswith(AT_ONCE))
            wrong += [f"{name}: {why}" for why in sass.complaints(code[name], *kinds)]
        return {name: numbers[-1] for name, numbers in found.items()}, wrong

    def sizes(self, family, folder):
        """Bytes of machine code for all architectures, as it is and compressed."""
        for mode in ("none", "size"):
            made = folder / f"{family}_{mode}.fatbin"
            codes = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES]
            self.run("nvcc", *FLAGS, "-fatbin", f"--compress-mode={mode}", *codes, "-o", made, HERE / f"{family}.cu")
            yield made.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with what is committed instead of writing it")
    parser.add_argument("--sass", action="store_true", help="check the machine code for every architecture")
    parser.add_argument("--variants", type=pathlib.Path, metavar="DIR", help="write PTX of each variant")
    parser.add_argument("--sizes", action="store_true", help="say how large machine code would be")
    args = parser.parse_args()
    folder = toolkit()
    if folder is None:
        print("skipped: the compiler's packages cannot be installed from PyPI", file=sys.stderr)
        sys.exit(77)
    tools = Tools(folder)
    wrong = []
    with tempfile.TemporaryDirectory() as made, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pathlib.Path(made)
        if args.variants:
            write_variants(tools, args.variants, made)
        if args.sizes:
            for family in families():
                print(f"{family}: {', '.join(f'{size} bytes' for size in tools.sizes(family, made))} compressed")
        if args.check or not (args.sass or args.variants or args.sizes):
            work = {path: pool.submit(tools.ptx, source, virtual, made / path.name) for path, source, virtual in texts()}
            wanted = {path: text.result() for path, text in work.items()}
            wrong += compare(wanted) if args.check else write(wanted)
        if args.check:
            wrong += driver_header.complaints(folder / "include", made)
        if args.sass:
            work = {(f, a): pool.submit(tools.machine_code, f, a, made) for f in families() for a in ARCHITECTURES}
            found = {key: result.result() for key, result in work.items()}
            wrong += [f"sm_{a}: {text}" for (_, a), (_, complaints) in found.items() for text in complaints]
            table = {TABLE: registers({key: numbers for key, (numbers, _) in found.items()})}
            wrong += compare(table) if args.check else write(table)
    for text in wrong:
        print(f"error: {text}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def registers(found):
    """The table of registers, from those of each family and architecture."""
    lines = [TABLE_HEAD, " ".join(["kernel", *map(str, ARCHITECTURES)])]
    for family in families():
        for name in sorted(found[family, ARCHITECTURES[0]]):
            cells = []
            for architecture in ARCHITECTURES:
                count = found[family, architecture][name]
                # Registers are given to warps in eights.
                blocks = min(65536 // (-(-count // 8) * 8 * BLOCK), RESIDENT.get(architecture, 2048) // BLOCK)
                cells.append(f"{count}/{blocks}")
            lines.append(" ".join([name, *cells]))
    return "\n".join(lines) + "\n"


def write_variants(tools, folder, made):
    for name, (parts, flags) in VARIANTS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for family in parts:
            for virtual in VIRTUAL:
                text = tools.ptx(HERE / f"{family}.cu", virtual, made / f"{name}_{family}_{virtual}.ptx", *flags)
                (folder / name / f"{family}_{virtual}.ptx").write_text(text)
        print(f"wrote {folder / name}")


def write(wanted):
    PTX.mkdir(exist_ok=True)
    for path in PTX.glob("*.ptx"):
        if path not in wanted and any(other.parent == PTX for other in wanted):
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
        print(f"wrote {path}")
    return []


def compare(wanted):
    stale = [path for path in PTX.glob("*.ptx") if path not in wanted and any(other.parent == PTX for other in wanted)]
    for path in sorted([*stale, *wanted]):
        old, new = path.read_text() if path.exists() else "", wanted.get(path, "")
        if old != new:
            lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:12]
            flag = " --sass" if path == TABLE else ""
            name = path.relative_to(HERE.parent)
            yield "\n".join([f"{name} is not what the kernels compile to; run `python3 cpp/build.py{flag}`", *lines])


if __name__ == "__main__":
    main()
