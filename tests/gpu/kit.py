"""What the parts need of Phasor: built here with cargo, or brought along in a file that `--prepare` made.

A kit is a dictionary: `library`, `conformance`, `kernels` (the benchmark of the kernels), `variants` (PTX of kernels built in other
ways), `phasor` and `driver` (the folder of the emulated driver) are paths, or where there is none `missing` says why by
name. `models` lists folders of models; `fused` are models already fused, by name, and `decoders` folders of graphs that `decode`
measures, by batch.
"""
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
LIBRARY = {"darwin": "libphasor_ops.dylib", "win32": "phasor_ops.dll"}.get(sys.platform, "libphasor_ops.so")
PROGRAM = ".exe" if os.name == "nt" else ""
MANIFEST = "manifest.json"
# Variables that name something built elsewhere, as the other tests read them.
GIVEN = {"library": "PHASOR_OPS_LIB", "phasor": "PHASOR_BIN"}


# The operator library with the Python module, as in every other build: alone, its dependencies have other features, and it is compiled once more.
OPERATORS = ["-p", "phasor-ops", "-p", "phasor-python"]


def cargo(*arguments):
    """What cargo says of all it has made."""
    command = ["cargo", *arguments, "--release", "--message-format=json-render-diagnostics"]
    print("+", " ".join(command), flush=True)
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return None if made.returncode else [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]


def _library():
    return TARGET / LIBRARY if cargo("build", *OPERATORS, "--lib") is not None else None


def _phasor():
    return TARGET / f"phasor{PROGRAM}" if cargo("build", "--bin", "phasor") is not None else None


def _conformance():
    made = cargo("test", *OPERATORS, "--test", "conformance", "--no-run")
    found = [m["executable"] for m in made or [] if m.get("executable") and m["target"]["name"] == "conformance"]
    return found[0] if found else None


def _kernels():
    return TARGET / "examples" / f"gpu_bench{PROGRAM}" if cargo("build", *OPERATORS, "--example", "gpu_bench") is not None else None


def _variants():
    """A compiler of CUDA makes them; from PyPI, where it can be had."""
    folder = TARGET.parent / "variants"
    made = subprocess.run([sys.executable, str(ROOT / "cpp" / "build.py"), "--variants", str(folder)])
    return folder if made.returncode == 0 else None


def _driver():
    """The newest; cargo keeps old ones."""
    found = sorted(TARGET.glob("build/phasor-ops-emulation-*/out/driver/libcuda.so.1"), key=lambda path: path.stat().st_mtime)
    return found[-1].parent if found else None


BUILDERS = {
    "library": _library,
    "phasor": _phasor,
    "conformance": _conformance,
    "kernels": _kernels,
    "variants": _variants,
    "driver": _driver,
}


def build(names):
    """A kit with what is named, as far as it can be had."""
    kit = {"missing": {}}
    for name in names:
        given = os.environ.get(GIVEN.get(name, ""))
        if given:
            kit[name] = str(pathlib.Path(given).resolve())
        elif not shutil.which("cargo"):
            kit["missing"][name] = f"there is no `cargo` to build the {name} with; bring it along with --from"
        else:
            made = BUILDERS[name]()
            if made is None or not pathlib.Path(made).exists():
                kit["missing"][name] = f"the {name} cannot be built here"
            else:
                kit[name] = str(made)
    return kit


def pack(folder, file):
    """Writes a folder as one file."""
    with tarfile.open(file, "w:xz", preset=9) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


def unpack(file, folder):
    """Writes what `pack` has read into a folder.

    Raises OSError or ValueError where the file is none of its.
    """
    try:
        with tarfile.open(file, "r:xz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise ValueError(str(error)) from error


def carried(folder):
    """The kit in an unpacked folder.

    Raises OSError or ValueError where there is none.
    """
    folder = pathlib.Path(folder).resolve()
    manifest = json.loads((folder / MANIFEST).read_text())
    decoders = {batch: str(folder / path) for batch, path in manifest["decoders"].items()}
    kit = {"missing": {}, "models": [], "fused": {}, "decoders": decoders}
    for name in BUILDERS:
        if name in manifest["files"]:
            kit[name] = str(folder / manifest["files"][name])
        else:
            kit["missing"][name] = f"`{folder}` has no {name}"
    for name in ("conformance", "kernels", "phasor"):
        if name in kit:
            # What carries files need not carry their modes.
            os.chmod(kit[name], 0o755)
    for name in manifest["models"]:
        kit["models"].append(str(folder / "models" / name))
        kit["fused"][name] = str(folder / "models" / name / "fused.onnx")
    return kit


def fuse(kit, source, target, *options):
    """Fuses a model; the program's last words where that fails, else None."""
    command = [kit["phasor"], "fuse", str(source), "-o", str(target), "--engine", "tract", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no output"])[-1]


def model_folders(paths):
    """The model folders among paths, each one itself or a folder of them."""
    for path in map(pathlib.Path, paths):
        if (path / "model.onnx").is_file():
            yield path
        else:
            yield from sorted(found.parent for found in path.glob("*/model.onnx"))
