#!/usr/bin/env python3
"""Fuses every model of a folder with two builds, and says what differs: in the files they write, and in their reports.

    python3 tests/compare.py OLD NEW FOLDER ...            OLD and NEW: two `phasor` programs
    python3 tests/compare.py OLD NEW FOLDER --pairs        further arguments go to `phasor fuse`

For changes that must change nothing. Files are compared byte for byte; reports field by field, without what tells time, place and
version. Fields that differ are counted, one line for each with the first model it was seen in.

Exit codes: 0 the files are equal (whatever the reports say), 1 a file differs, 2 usage.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# Fields that differ from run to run.
VOLATILE = {"seconds", "version", "path", "data_files"}


def fuse(program, model, arguments):
    """Exit code, digest of every file written, and the report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "fuse", model, "-o", f"{folder}/out.onnx", "--no-verify", "--format", "json", *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(pathlib.Path(folder).iterdir())}
        try:
            report = json.loads(done.stdout)
        except ValueError:
            report = {"error": done.stderr.replace(folder, "")}
        return done.returncode, files, report


def differences(old, new, place=""):
    """The places where two reports differ, with what stands there; elements of lists share a place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}.{key}".lstrip(".")
            if key in VOLATILE:
                continue
            if key not in old or key not in new:
                yield inner, "absent" if key not in old else "present", "absent" if key not in new else "present"
            else:
                yield from differences(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{place}[]", f"{len(old)} entries", f"{len(new)} entries"
        for left, right in zip(old, new):
            yield from differences(left, right, f"{place}[]")
    elif old != new:
        yield place, old, new


def compare(old, new, model, arguments):
    before, after = fuse(old, model, arguments), fuse(new, model, arguments)
    return model, before[:2] == after[:2], list(differences(before[2], after[2]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, nargs="+")
    options, arguments = parser.parse_known_args()
    models = sorted(model for folder in options.folder for model in folder.rglob("*.onnx"))
    if not models:
        print(f"error: no model under {' '.join(map(str, options.folder))}", file=sys.stderr)
        return 2
    changed, fields, first = [], collections.Counter(), {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for model, same, report in pool.map(lambda model: compare(options.old, options.new, model, arguments), models):
            if not same:
                changed.append(model)
                print(f"differs   {model}")
            for place, old, new in report:
                fields[place] += 1
                first.setdefault(place, (model, old, new))
    for place, count in sorted(fields.items()):
        model, old, new = first[place]
        print(f"report    {place} in {count} places, first {model}: {old!r} -> {new!r}")
    print(f"{len(models)} models: {len(models) - len(changed)} files equal, {len(changed)} differ")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
