"""Installs the CMake package, moves it, builds the example against it, and runs that in two releases of ONNX Runtime. Compiles the snippets in C++
of README.md and docs/deploy/cpp.md.

Works in the working directory, which has `model.onnx`, `fused.onnx` and `contrib.onnx`.
"""
import pathlib
import subprocess
import sys

import archive
import onnx
import onnxruntime
import phasor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "docs"))
import blocks  # noqa: E402

# Around a snippet, which may have an environment of its own.
SNIPPET = """#include <onnxruntime_cxx_api.h>
{includes}
extern Ort::Env env;
void snippet() {{
{statements}
}}
"""


def run(*command):
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True)


def prefix_of_wheel(headers):
    """A prefix with the ONNX Runtime of the Python package, which has no headers, and its library under the names that are looked for."""
    prefix = pathlib.Path("onnxruntime")
    (prefix / "lib").mkdir(parents=True)
    (prefix / "include").symlink_to(headers)
    library = next((pathlib.Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (prefix / "lib" / name).symlink_to(library)
    return prefix.resolve()


def compile_snippets(*includes):
    """Only compiles: whole programs are those of the example."""
    snippets = [block for page in ("README.md", "docs/deploy/cpp.md") for block in blocks.read(page) if block.language == "cpp"]
    for number, block in enumerate(snippets):
        lines = block.text.splitlines()
        parts = {
            "includes": [line for line in lines if line.startswith("#include")],
            "statements": [line for line in lines if not line.startswith("#include")],
        }
        source = pathlib.Path(f"snippet-{number}.cpp")
        source.write_text(f'#line 1 "{block.page}:{block.line}"\n' + SNIPPET.format(**{name: "\n".join(part) for name, part in parts.items()}))
        run("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *(f"-I{folder}" for folder in includes), source)


def main():
    # With the library alone this runs: it shows that the kernels are used.
    model = onnx.load("fused.onnx")
    del model.functions[:]
    onnx.save(model, "without-bodies.onnx")

    library = phasor.library_path()
    run("cmake", "-S", ROOT / "ops" / "cmake", "-B", "package", f"-DPHASOR_OPS_LIBRARY={library}")
    run("cmake", "--install", "package", "--prefix", "made")
    moved = pathlib.Path("made").rename("moved").resolve()

    released = archive.unpacked()
    for name, host in (("released", released), ("wheel", prefix_of_wheel(released / "include"))):
        build = pathlib.Path(f"build-{name}")
        flags = [f"-DCMAKE_{language}_FLAGS=-Wall -Wextra -Werror" for language in ("C", "CXX")]
        run("cmake", "-S", ROOT / "examples" / "deploy" / "cpp", "-B", build, f"-DCMAKE_PREFIX_PATH={moved};{host}", *flags)
        run("cmake", "--build", build)
        run(build / "linked", "model.onnx", "fused.onnx", "contrib.onnx", "without-bodies.onnx")
        run(build / "loaded", library, "without-bodies.onnx")
    compile_snippets(released / "include", moved / "include")
    return 0


if __name__ == "__main__":
    sys.exit(main())
