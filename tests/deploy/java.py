"""Compiles the Java example. It is not run: no registry that the tests use has ONNX Runtime's Java binding for Linux."""
import pathlib
import subprocess
import sys

import archive

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "deploy" / "java" / "RunFused.java"

if __name__ == "__main__":
    command = ["javac", "-Xlint:all", "-Werror", "-cp", archive.unpacked() / "classes.jar", "-d", "classes", SOURCE]
    sys.exit(subprocess.run([str(part) for part in command]).returncode)
