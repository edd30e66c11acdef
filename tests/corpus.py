#!/usr/bin/env python3
"""Scores a corpus of exported models, and tries attacks: models that are made to be fused wrong or to hang the program.

    python3 tests/corpus.py                    both, where they are found
    python3 tests/corpus.py --only llama t5    the models and attacks whose folders are named so
    python3 tests/corpus.py --record           takes what is fused now for what must be fused

A corpus is a folder of folders, `PHASOR_CORPUS` or `../shared/corpus`; attacks are `PHASOR_ATTACKS` or `../shared/cases/attacks`. What
lies at neither place is skipped, and said. How a model is scored stands in `tests/corpus/score.py`, and what an attack is in
`tests/corpus/attack.py`. No model may be fused wrong, run no more, or lose sites that `tests/corpus/sites.json` records.

It runs as many models at once as there are processors, in the newest ONNX Runtime of `tests/run.py`.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import run as suite

RECORD = suite.ROOT / "tests" / "corpus" / "sites.json"
sys.path.append(str(RECORD.parent))
PLACES = {
    "corpus": ("PHASOR_CORPUS", suite.ROOT.parent / "shared" / "corpus", "meta.json"),
    "attacks": ("PHASOR_ATTACKS", suite.ROOT.parent / "shared" / "cases" / "attacks", "make.py"),
}
# Set for the part of this script that runs inside of the environment with ONNX Runtime.
INSIDE = "PHASOR_CORPUS_INSIDE"


def folders(what, only):
    """The folders of the corpus or of the attacks; None, having said so, where there are none."""
    variable, usual, mark = PLACES[what]
    place = pathlib.Path(os.environ.get(variable) or usual)
    if not place.is_dir():
        print(f"skipped: {what}: {place} is no folder, and {variable} names no other")
        return None
    found = sorted(path.parent for path in place.glob(f"*/{mark}"))
    return [folder for folder in found if not only or any(part in folder.name for part in only)]


def each(work, folders, *rest):
    """The folders with what `work` makes of each, in processes; the exception, where it ends its process."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures = [(folder, pool.submit(work, str(folder), *rest)) for folder in folders]
        died = []
        for folder, future in futures:
            try:
                yield folder, future.result()
            except BrokenProcessPool:
                died.append(folder)
            except Exception as error:
                yield folder, error
    # All that were running or waiting are lost with a process: alone, each shows which it was.
    for folder in died:
        with ProcessPoolExecutor(1) as pool:
            try:
                yield folder, pool.submit(work, str(folder), *rest).result()
            except Exception as error:
                yield folder, error


# The modules that need what is installed only inside are imported there.
def score_one(folder, phasor, library, recorded):
    import score

    return score.score(folder, phasor, library, recorded.get(pathlib.Path(folder).name, {}))


def attack_one(folder, phasor, library):
    import attack

    return attack.withstood(folder, phasor, library)


def scored(folders, phasor, library, record):
    """Whether all models of the corpus are fused as they should be; prints those that are not."""
    recorded = {} if record else json.loads(RECORD.read_text())
    outcomes, statuses, found, true = {}, collections.Counter(), collections.Counter(), collections.Counter()
    for folder, outcome in each(score_one, folders, phasor, library, recorded):
        if isinstance(outcome, Exception):
            outcome = {"status": "unrunnable", "note": f"the process ends: {outcome}", "found": {}, "true": {}}
        outcomes[folder.name] = outcome
        statuses[outcome["status"]] += 1
        if outcome["status"] != "right":
            print(f"{outcome['status']:10} {folder.name}: {outcome['note']}", flush=True)
        elif not folder.name.startswith("neg_"):
            true.update(outcome["true"])
            found.update({family: min(number, outcome["true"][family]) for family, number in outcome["found"].items()})
    gone = len(recorded.keys() - outcomes.keys())
    if record:
        write(outcomes)
    sites = ", ".join(f"{family} {found[family]}/{number}" for family, number in true.items())
    print(f"sites: {sites}; recorded models that were not tried: {gone}")
    wrong = len(outcomes) - statuses["right"]
    print(f"corpus: {statuses['right']} passed, {wrong} failed" + "".join(f", {n} {s}" for s, n in statuses.items() if s != "right"))
    return wrong == 0


def write(outcomes):
    """Records the sites of all models that are right, one a line."""
    lines = []
    for name, outcome in sorted(outcomes.items()):
        sites = {family: number for family, number in outcome["found"].items() if number}
        if sites and outcome["status"] == "right":
            lines.append(f"{json.dumps(name)}: {json.dumps(sites)}")
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"recorded: {len(lines)} models with sites")


def withstood(folders, phasor, library):
    """Whether all attacks come to nothing; prints those that do not."""
    broken = 0
    for folder, found in each(attack_one, folders, phasor, library):
        if found is not None:
            broken += 1
            print(f"{'broken':10} {folder.name}: {found}", flush=True)
    print(f"attacks: {len(folders) - broken} passed, {broken} failed")
    return broken == 0


def inside(args):
    phasor, library = os.environ["PHASOR_BIN"], os.environ["PHASOR_OPS_LIB"]
    parts = {
        "corpus": lambda found: scored(found, phasor, library, args.record),
        "attacks": lambda found: withstood(found, phasor, library),
    }
    results = {}
    for what, part in parts.items():
        begun, found = time.monotonic(), folders(what, args.only)
        if found is None:
            results[what] = None
        elif found:
            results[what] = part(found)
            print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)
    return suite.report(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="PART", help="the models and attacks whose folders' names contain one of these")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name} anew")
    args = parser.parse_args()
    if args.record and args.only:
        parser.error("--record takes the whole corpus: leave --only out")
    if os.environ.get(INSIDE):
        return inside(args)
    # Nothing to be built for nothing.
    if all(folders(what, args.only) is None for what in PLACES):
        return suite.report(dict.fromkeys(PLACES))
    python = suite.environment("newest")
    if python is None:
        sys.exit("error: the packages of the newest ONNX Runtime cannot be installed")
    if "PHASOR_BIN" not in os.environ and not suite.run("cargo", "build", "--release", "--workspace", "--lib", "--bins"):
        sys.exit("error: the build failed")
    built = suite.target() / "release"
    env = {"PHASOR_BIN": str(built / "phasor"), "PHASOR_OPS_LIB": str(built / "libphasor_ops.so"), **os.environ, INSIDE: "1"}
    # The engine of the attacks that ask for one.
    if library := suite.ort_library(python):
        env.setdefault("ORT_DYLIB_PATH", library)
    return subprocess.run([str(python), __file__, *sys.argv[1:]], env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
