"""Runs models in hosts and tools on models, and returns the outcomes: `hosts[model][file][host]` and `tools[model][tool][column]`."""
import pathlib
import shutil
import subprocess
import sys

import cases
import outcome
import tool
from workers import Host, Tract, Worker, pack

HERE = pathlib.Path(__file__).resolve().parent
# Names in `host.py` and `host.mjs`, and how the page calls them.
HOSTS = {
    "ort": "ONNX Runtime",
    "ort-lib": "ONNX Runtime with the library",
    "node": "ONNX Runtime for Node.js",
    "web": "ONNX Runtime Web (wasm)",
    "openvino": "OpenVINO",
    "tract": "tract",
    "reference": "onnx ReferenceEvaluator",
}
IN_NODE = ["node", "web"]
# Models that tools are applied to.
CHANGED = ["llama-dynamo", "llama-dynamo-opset23", "gptneox-torchscript", "t5-bias", "deberta-gather", "sinusoidal-alibi", "sinusoidal-alibi-if"]


def packages(folder):
    """Installs the packages of Node.js into a folder; says why not, where that fails."""
    if not shutil.which("npm"):
        return "npm is not installed"
    folder.mkdir(parents=True, exist_ok=True)
    wanted, there = (HERE / "package.json").read_bytes(), folder / "package.json"
    if not there.exists() or there.read_bytes() != wanted or not (folder / "node_modules").exists():
        there.write_bytes(wanted)
        # The scripts of onnxruntime-node would fetch what runs on GPUs.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            there.unlink()
            return f"npm cannot install the packages: {done.stderr.strip().splitlines()[-1:]}"
    return None


def python(*arguments, **settings):
    return Worker([sys.executable, *arguments], **settings)


class Trials:
    def __init__(self, scratch, phasor, node_modules, hosts):
        self.scratch, self.phasor, self.absent = scratch, phasor, {}
        reason = packages(node_modules) if set(IN_NODE) & set(hosts) else None
        self.hosts = {}
        for name in hosts:
            if name in IN_NODE:
                if reason:
                    self.absent[name] = reason
                else:
                    env = {"PHASOR_NODE_MODULES": str(node_modules)}
                    self.hosts[name] = Host(Worker(["node", HERE / "host.mjs", name], env))
            elif name == "tract":
                self.hosts[name] = Tract(phasor, scratch)
            else:
                self.hosts[name] = Host(python(HERE / "host.py", name))
        # Some tools leave files where they run.
        self.tools = python(HERE / "tool.py", folder=scratch, env={"PYTHONHASHSEED": "0"})
        self.cases = {}

    def case(self, name):
        if name not in self.cases:
            self.cases[name] = cases.make(name, self.scratch, self.phasor)
        return self.cases[name]

    def wanted(self, case):
        """The outputs of the original in ONNX Runtime."""
        reply = self.hosts["ort"].run(case.files["original"], case.inputs)
        if "error" in reply:
            raise RuntimeError(f"{case.name}: {reply['error']}")
        return reply["outputs"]

    def in_hosts(self, name):
        case = self.case(name)
        limit = same(case)
        found = {file: {} for file in case.files}
        want = self.wanted(case)
        for host, runner in self.hosts.items():
            if host == "tract":
                compare = lambda file: in_tract(runner.compare(case.files["original"], case.files[file], case.inputs))
                original = compare("original")
            else:
                # The original is compared with itself in ONNX Runtime, and what is fused with the original in the same host.
                first = runner.run(case.files["original"], case.inputs)
                original = outcome.compared(first, want, limit)
                compare = lambda file: outcome.compared(runner.run(case.files[file], case.inputs), first.get("outputs", want), limit)
            found["original"][host] = original
            for file in case.files:
                if file != "original":
                    found[file][host] = outcome.beside(compare(file), original)
        for host, reason in self.absent.items():
            for file in found:
                found[file][host] = {"state": "skipped", "reason": reason}
        return found

    def by_tool(self, name, names):
        case = self.case(name)
        want = self.wanted(case)
        return {each: self.changed(case, each, want) for each in names}

    def changed(self, case, name, want):
        """What a tool makes of the original and of each fused model, which may be as far from `want` and a little further."""
        first, _ = self.apply(case, name, "original")
        if "out" in first:
            first["out"] = first["out"].replace(self.scratch / f"{case.name}.first{first['out'].suffix}")
        original = outcome.compared(first if "error" in first else self.hosts["ort"].run(first["out"], case.inputs), want, float("inf"))
        found = {"original": original}
        limit = same(case) + outcome.FURTHER * original.get("difference", float("inf"))
        for target in case.fused:
            made, left = self.apply(case, name, target)
            for host in ["ort", "ort-lib"] if target == "phasor" else ["ort"]:
                reply = made if "error" in made else self.hosts[host].run(made["out"], case.inputs)
                found[target + "+library" * (host == "ort-lib")] = outcome.beside(outcome.compared(reply, want, limit), original)
            if left:
                found[target]["left"] = left
        # What is in ONNX Runtime's own format is no model to fuse.
        if name not in tool.SUFFIXES:
            found["afterwards"] = self.afterwards(case, first, want, limit)
        return found

    def afterwards(self, case, first, want, limit):
        """What `phasor fuse` makes of what a tool made of the original."""
        if "error" in first:
            return {"state": "neither", **outcome.reason(first)}
        out = self.scratch / f"{case.name}.afterwards.onnx"
        error = cases.fuse(self.phasor, first["out"], out)
        if error:
            return {"state": "no", "stage": "fuse", "reason": outcome.short(error)}
        reply = self.hosts["ort-lib"].run(out, case.inputs)
        original = self.hosts["ort"].run(first["out"], case.inputs)
        made = outcome.beside(outcome.compared(reply, want, limit), {"state": "no" if "error" in original else "yes"})
        return {**made, "left": case.left(out, "phasor")}

    def apply(self, case, name, file):
        out = self.scratch / f"{case.name}.{file}.changed{tool.SUFFIXES.get(name, '.onnx')}"
        out.unlink(missing_ok=True)
        reply = self.tools.ask(tool=name, model=str(case.files[file]), out=str(out), inputs=[pack(inputs) for inputs in case.inputs])
        if "error" in reply:
            return reply, None
        left = case.left(out, file) if file != "original" and out.suffix == ".onnx" else None
        return {"out": out}, left


def same(case):
    return outcome.SAME_HALF if case.half else outcome.SAME


def in_tract(report):
    """The outcome that a report of `phasor verify` tells."""
    if "error" in report:
        return {"state": "no", "stage": "load", "reason": outcome.short(report["error"])}
    runs = [run for case in report["cases"] for run in case["runs"]]
    errors = [run["error"] for run in runs if run["error"]]
    apart = [put["relative"] for run in runs for put in run["outputs"] or [] if put.get("relative") is not None]
    if report["verdict"] == "same":
        return {"state": "yes", "difference": float(f"{max(apart, default=0.0):.1e}")}
    if report["verdict"] == "different" and apart and not errors:
        return {"state": "differs", "difference": max(apart)}
    return {"state": "no", "stage": "run", "reason": outcome.short(errors[0] if errors else " ".join(report["notes"]) or report["verdict"])}
