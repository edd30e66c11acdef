"""What the npm package `com.github.asus4.onnxruntime` has of ONNX Runtime 1.29.0: C and C++ headers, Java classes, and the library for Linux.

Wheels and the npm packages of ONNX Runtime itself have neither headers nor Java classes. The package is 150 MB; what is wanted of it is kept in
`target`.
"""
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import run as suite

PACKAGE = "com.github.asus4.onnxruntime@0.4.9"
LIBRARY = "package/Plugins/Linux/x64/libonnxruntime.so"
ANDROID = "package/Plugins/Android/onnxruntime.aar"


def unpacked():
    """A folder with `include`, `lib/libonnxruntime.so` and `classes.jar`."""
    folder = suite.target() / "onnxruntime-1.29.0"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=suite.target()) as scratch:
        scratch = pathlib.Path(scratch)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        made = scratch / "made"
        (made / "lib").mkdir(parents=True)
        with tarfile.open(next(scratch.glob("*.tgz"))) as package:
            with package.extractfile(LIBRARY) as library, open(made / "lib" / "libonnxruntime.so", "wb") as out:
                shutil.copyfileobj(library, out)
            with package.extractfile(ANDROID) as android, zipfile.ZipFile(android) as archive:
                archive.extract("classes.jar", made)
                for name in archive.namelist():
                    if name.startswith("headers/") and name.endswith((".h", ".inc")):
                        archive.extract(name, made)
        (made / "headers").rename(made / "include")
        (made / "lib" / "libonnxruntime.so.1").symlink_to("libonnxruntime.so")
        made.rename(folder)
    return folder
