#!/usr/bin/env python3
"""Runs original and fused models in several hosts, applies tools to them, and compares the outcomes with those of docs/hosts.md.

    python3 tests/hosts.py                    everything; fails if an outcome has become worse
    python3 tests/hosts.py --write            writes docs/hosts.md and tests/hosts/record.json
    python3 tests/hosts.py --only NAME ...    the models, hosts and tools whose names contain one of these; prints the outcomes
    python3 tests/hosts.py --small            one model, in ONNX Runtime alone, and the tools that most deployments apply: less than a minute

All but `--only` also run the commands of docs/order.md. Hosts and tools, with what is compared, stand in `tests/hosts`.

Needs Python 3.11 or 3.12 with `venv`, and npm and Node.js 20 or newer for two of the hosts, which are skipped without; installs the rest into
`target/venvs/hosts` and `target/node`. Builds the program and the library, unless `PHASOR_BIN` and `PHASOR_OPS_LIB` name them.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import run as suite

FOLDER = suite.ROOT / "tests" / "hosts"
sys.path.append(str(FOLDER))
INSIDE = "PHASOR_HOSTS_INSIDE"
SMALL_MODELS, SMALL_HOSTS = ["llama-dynamo"], ["ort", "ort-lib"]
SMALL_TOOLS = ["onnxslim.slim", "onnx.inliner", "onnx.version_converter", "convert_float_to_float16"]
# Distributions and npm packages whose versions the page names.
PYTHON = ["onnxruntime", "openvino", "onnx", "onnxslim", "onnxsim", "onnxscript", "onnxconverter-common"]


def chosen(args):
    """The models and hosts of the first table, and the models and tools of the second."""
    import cases
    import tool
    import trials

    models, hosts, changed, tools = cases.names(), list(trials.HOSTS), trials.CHANGED, list(tool.TOOLS)
    if args.small:
        return SMALL_MODELS, SMALL_HOSTS, SMALL_MODELS, [name for name in tools if name.startswith(tuple(SMALL_TOOLS))]
    if not args.only:
        return models, hosts, changed, tools

    def part(names):
        return [name for name in names if any(word in name for word in args.only)]

    if not any(map(part, (models, hosts, tools))):
        hint = f"models are {', '.join(models)}; hosts {', '.join(hosts)}; tools {', '.join(tools)}"
        sys.exit(f"error: nothing is named {' or '.join(args.only)}\nhint: {hint}")
    named_hosts, named_tools = part(hosts), part(tools)
    # A model alone means all hosts and tools, a host no tools, and a tool no hosts but what it needs.
    if not named_hosts and not named_tools:
        named_hosts, named_tools = hosts, tools
    return part(models) or models, named_hosts, part(changed) or (changed if not part(models) else []), named_tools


def tried(args, scratch):
    """The outcomes of what was chosen, and whether the commands of docs/order.md work."""
    import snippets
    import trials

    models, hosts, changed, tools = chosen(args)
    # The reference of everything runs in ONNX Runtime.
    needed = list(dict.fromkeys(["ort", *(["ort-lib"] if tools else []), *hosts]))
    trial = trials.Trials(scratch, os.environ["PHASOR_BIN"], suite.target() / "node", needed)
    for host, reason in trial.absent.items():
        print(f"skipped: {trials.HOSTS[host]}: {reason}")
    found = {"versions": versions(), "hosts": {}, "tools": {}}
    if hosts:
        for name in models:
            print(f"+ {name} in {', '.join(hosts)}", flush=True)
            outcomes = trial.in_hosts(name)
            found["hosts"][name] = {file: {host: by_host[host] for host in hosts} for file, by_host in outcomes.items()}
    if tools:
        for name in changed:
            print(f"+ {name} after {len(tools)} tools", flush=True)
            found["tools"][name] = trial.by_tool(name, tools)
    if args.only:
        return found, True
    print(f"+ {snippets.PAGE.name}", flush=True)
    return found, snippets.run(scratch, os.environ["PHASOR_BIN"], trial.hosts["ort-lib"])


def versions():
    known = {name: importlib.metadata.version(name) for name in PYTHON}
    return {**known, **json.loads((FOLDER / "package.json").read_text())["dependencies"]}


def flat(record):
    """Outcomes by what they are of."""
    return {
        (what, *place, column): outcome
        for what in ("hosts", "tools")
        for model, outcomes in record[what].items()
        for name, by_column in outcomes.items()
        for column, outcome in by_column.items()
        for place in [(model, name)]
    }


def compare(found):
    """Whether no outcome is worse than the record; prints those that are, and those that are new or better."""
    import outcome
    import page

    recorded, now = flat(page.read()), flat(found)
    bad = 0
    for place, each in now.items():
        before = recorded.get(place)
        label = ", ".join(place[1:])
        if before is None:
            print(f"new      {label}: {each['state']}")
        elif outcome.worse(each, before):
            bad += 1
            print(f"worse    {label}: {each['state']}, was {before['state']}: {each.get('reason', each.get('difference'))}")
        elif outcome.worse(before, each):
            print(f"better   {label}: {each['state']}, was {before['state']}")
    skipped = sum(each["state"] == "skipped" for each in now.values())
    print(f"{len(now) - bad - skipped} passed, {bad} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if bad else 0


def inside(args):
    import page

    with tempfile.TemporaryDirectory() as scratch:
        found, works = tried(args, pathlib.Path(scratch))
    if args.write:
        if any(each["state"] == "skipped" for each in flat(found).values()):
            sys.exit("error: the page takes every host: a host is absent")
        page.write(found)
        print(f"wrote {page.PAGE.relative_to(suite.ROOT)} and {page.RECORD.relative_to(suite.ROOT)}")
        return 0 if works else 1
    if args.only:
        notes = page.Notes()
        for part, make in (("hosts", page.hosts_table), ("tools", page.tools_table)):
            if found[part]:
                print(make(found[part], notes))
        print(notes.text())
    return max(compare(found), 0 if works else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page and the record anew")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the models, hosts and tools whose names contain one of these")
    parser.add_argument("--small", action="store_true", help="one model in ONNX Runtime, and a few tools")
    args = parser.parse_args()
    if args.write and (args.only or args.small):
        parser.error("--write takes everything: leave --only and --small out")
    if os.environ.get(INSIDE):
        return inside(args)
    python = suite.environment("hosts", FOLDER / "requirements.txt")
    if python is None:
        sys.exit("error: the packages of tests/hosts/requirements.txt cannot be installed")
    if "PHASOR_BIN" not in os.environ and not suite.run("cargo", "build", "--release", "--workspace", "--lib", "--bins"):
        sys.exit("error: the build failed")
    built = suite.target() / "release"
    env = {"PHASOR_BIN": str(built / "phasor"), "PHASOR_OPS_LIB": str(built / "libphasor_ops.so"), **os.environ, INSIDE: "1"}
    return subprocess.run([str(python), __file__, *sys.argv[1:]], env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
