"""Makes a folder with all that the parts need of Phasor, for machines that can build nothing."""
import json
import shutil
import subprocess
import sys

from . import bench_decode, kit, llama

# Of the 64 MiB that some machines take at once, ONNX Runtime's CUDA provider, cut down to one architecture, leaves as much.
ROOM = 25 << 20


def prepare(folder, models):
    """Builds, fuses and packs; the exit code."""
    if folder.exists() and not (folder / kit.MANIFEST).exists() and any(folder.iterdir()):
        print(f"error: `{folder}` is not empty, and nothing that --prepare has made", file=sys.stderr)
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = kit.build(["library", "phasor", "conformance", "kernels"])
    for why in made["missing"].values():
        print(f"error: {why}", file=sys.stderr)
    if made["missing"]:
        return 2
    manifest = {"commit": commit(), "files": {}, "models": [], "decoders": {}}
    for name in ("library", "conformance", "kernels"):
        # The suite's binary has a name of cargo's.
        target = kit.LIBRARY if name == "library" else f"{name}{kit.PROGRAM}"
        shutil.copy(made[name], folder / target)
        manifest["files"][name] = target
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
        sizes = llama.Sizes(batch=batch)
        why = bench_decode.graphs(made, sizes, target)
        # There is nothing in it yet.
        (target / llama.WEIGHTS).unlink()
        if why is not None:
            print(f"error: the decoder cannot be fused: {why}", file=sys.stderr)
            failed += 1
        manifest["decoders"][str(batch)] = f"decoders/{batch}"
    (folder / kit.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    report(folder)
    return 1 if failed else 0


def commit():
    """What the folder was made of."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=kit.ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None


def report(folder):
    """Says how large what is."""
    sizes = {}
    for path in folder.rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            sizes[top] = sizes.get(top, 0) + path.stat().st_size
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size / (1 << 20):7.2f} MiB  {name}")
    total = sum(sizes.values())
    print(f"{total / (1 << 20):7.2f} MiB  together")
    if total > ROOM:
        print(f"warning: that is more than {ROOM >> 20} MiB, which is what a slim ONNX Runtime leaves of 64 MiB", file=sys.stderr)
