"""Makes one file with all that the parts need of Phasor, for machines that can build nothing."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from . import bench_decode, kit, llama

# What some machines take at once: the tracked tree, the kit, and ONNX Runtime with its CUDA provider cut down to one architecture and
# packed, which takes this much.
MOST = 64 << 20
RUNTIME = 40 << 20


def prepare(file, models):
    """Builds, fuses and packs; the exit code."""
    if file.is_dir():
        print(f"error: `{file}` is a folder, expected the name of a file to write", file=sys.stderr)
        return 2
    made = kit.build(["library", "phasor", "conformance", "kernels", "variants"])
    for why in made["missing"].values():
        print(f"error: {why}", file=sys.stderr)
    if made["missing"]:
        return 2
    with tempfile.TemporaryDirectory(dir=file.resolve().parent) as scratch:
        folder = pathlib.Path(scratch) / "kit"
        folder.mkdir()
        failed = fill(folder, made, models)
        report(folder)
        packed = pathlib.Path(scratch) / "packed"
        kit.pack(folder, packed)
        packed.replace(file)
    tree, size = tracked(), file.stat().st_size
    print(f"`{file}`: {mib(size)}; with the tracked tree, {mib(tree)}, it leaves {mib(MOST - tree - size)} of {mib(MOST)}")
    if tree + size + RUNTIME > MOST:
        print(f"error: the kit and the tree leave less than the {mib(RUNTIME)} that ONNX Runtime takes", file=sys.stderr)
        return 1
    return 1 if failed else 0


def fill(folder, made, models):
    """Puts everything into a folder; how many graphs could not be fused."""
    manifest = {"commit": commit(), "files": {}, "models": [], "decoders": {}}
    for name in ("library", "conformance", "kernels"):
        # The suite's binary has a name of cargo's.
        target = kit.LIBRARY if name == "library" else f"{name}{kit.PROGRAM}"
        shutil.copy(made[name], folder / target)
        strip(folder / target)
        manifest["files"][name] = target
    shutil.copytree(made["variants"], folder / "variants")
    manifest["files"]["variants"] = "variants"
    failed = 0
    for source in kit.model_folders(models or [kit.ROOT / "models"]):
        target = folder / "models" / source.name
        target.mkdir(parents=True)
        why = kit.fuse(made, source / "model.onnx", target / "fused.onnx")
        if why is not None:
            print(f"error: {source.name}: cannot be fused: {why}", file=sys.stderr)
            failed += 1
            shutil.rmtree(target)
            continue
        for path in source.iterdir():
            shutil.copy(path, target / path.name)
        manifest["models"].append(source.name)
    for batch in bench_decode.BATCHES:
        target = folder / "decoders" / str(batch)
        target.mkdir(parents=True)
        why = bench_decode.graphs(made, llama.Sizes(batch=batch), target)
        # There is nothing in it yet.
        (target / llama.WEIGHTS).unlink()
        if why is not None:
            print(f"error: the decoder cannot be fused: {why}", file=sys.stderr)
            failed += 1
        manifest["decoders"][str(batch)] = f"decoders/{batch}"
    (folder / kit.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return failed


def strip(path):
    """Removes what only debuggers read, where there is a tool that does."""
    if shutil.which("strip"):
        subprocess.run(["strip", str(path)], check=True)


def tracked():
    """Bytes of the files that travel with the repository."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=kit.ROOT, capture_output=True, check=True)
    paths = (kit.ROOT / name.decode() for name in done.stdout.split(b"\0") if name)
    return sum(path.stat().st_size for path in paths if path.is_file())


def mib(size):
    return f"{size / (1 << 20):.1f} MiB"


def commit():
    """What the kit was made of."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=kit.ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None


def report(folder):
    """Says how large what is, before it is packed."""
    sizes = {}
    for path in folder.rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            sizes[top] = sizes.get(top, 0) + path.stat().st_size
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{mib(size):>10}  {name}")
