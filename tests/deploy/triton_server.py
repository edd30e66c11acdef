"""Has a Triton server read the model repository `repository` of the working directory.

PyPI has the server without its backend for ONNX Runtime, in the package `nvidia-pytriton`. So it reads every configuration, begins to load every
model, and finds no backend then: any other end is a fault. It also has to refuse a configuration that is wrong.
"""
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SERVER = pathlib.Path(importlib.util.find_spec("pytriton").submodule_search_locations[0], "tritonserver")
WITHOUT_BACKEND = "unable to find backend library for backend 'onnxruntime'"


def ends(repository):
    """What the server says of each model of a repository. It ends by itself, as no model loads."""
    command = [SERVER / "bin" / "tritonserver", f"--model-repository={repository}", f"--backend-directory={SERVER / 'backends'}"]
    # It would listen only after all models are loaded, and then to this machine alone.
    command += ["--http-address=127.0.0.1", "--http-port=0", "--allow-grpc=false", "--allow-metrics=false", "--exit-on-error=true"]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    said = dict(re.findall(r"failed to load '(\S+)' version \d+: (.*)\"", done.stdout))
    said.update(re.findall(r"Poll failed for model directory '(\S+)': (.*)\"", done.stdout))
    return said, done.stdout


def main():
    models = pathlib.Path("repository").resolve()
    with tempfile.TemporaryDirectory() as folder:
        repository = pathlib.Path(shutil.copytree(models, pathlib.Path(folder, "models")))
        first = next(repository.iterdir())
        names = {path.name for path in repository.iterdir()}
        wrong = pathlib.Path(shutil.copytree(first, repository / "wrong")) / "config.pbtxt"
        wrong.write_text(wrong.read_text().replace(f'"{first.name}"', '"wrong"').replace("op_library_filename", "op_library"))
        said, output = ends(repository)
    for name, text in sorted(said.items()):
        print(f"{name}: {text}")
    right = {name for name in names if WITHOUT_BACKEND in said.get(name, "")}
    if right != names or "failed to read text proto" not in said.get("wrong", ""):
        print(output)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
