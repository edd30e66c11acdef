"""Processes that run models or tools, so that a host that crashes or hangs costs one job: a job a line in, a reply a line out, both JSON.

A job has `model`, a path, and `inputs`, a list of sets of tensors; a reply has `outputs`, likewise, or `error` and the `stage` (load or
run) in which it arose. A job for a tool has `tool`, `model` and `out`, and its reply lacks outputs. Tensors are dictionaries of type, sizes
and base64.
"""
import base64
import json
import os
import pathlib
import subprocess
import threading

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 300


def pack(tensors):
    def one(array):
        array = np.asarray(array)
        return {"type": str(array.dtype), "dims": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}

    return {name: one(array) for name, array in tensors.items()}


def unpack(tensors):
    def one(tensor):
        return np.frombuffer(base64.b64decode(tensor["data"]), tensor["type"]).reshape(tensor["dims"])

    return {name: one(tensor) for name, tensor in tensors.items()}


class Worker:
    """A process that is started when it is asked, and again after its death."""

    def __init__(self, command, env=None, folder=None):
        self.command, self.env, self.folder, self.process = [str(part) for part in command], {**os.environ, **(env or {})}, folder, None

    def ask(self, **job):
        if self.process is None:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        timer = threading.Timer(LIMIT, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        timer.cancel()
        if line:
            return json.loads(line)
        code = self.process.wait()
        self.process = None
        return {"error": f"the process ends with code {code}", "stage": "run"}


class Host:
    """A host of models, by a worker."""

    def __init__(self, worker):
        self.worker = worker

    def run(self, path, inputs):
        """The outputs of each set of inputs, or the reply that says why there are none."""
        reply = self.worker.ask(model=str(path), inputs=[pack(tensors) for tensors in inputs])
        return reply if "error" in reply else {"outputs": [unpack(tensors) for tensors in reply["outputs"]]}


class Tract:
    """tract, with the kernels of Phasor, inside of `phasor verify`: it compares, and keeps the outputs to itself."""

    def __init__(self, phasor, scratch):
        self.phasor, self.scratch = phasor, scratch

    def compare(self, original, path, inputs):
        """The largest difference, relative to the output's scale; or why there is none."""
        command = [self.phasor, "verify", original, path, "--engine", "tract", "--format", "json"]
        for index, tensors in enumerate(inputs):
            np.savez(self.scratch / f"inputs_{index}.npz", **tensors)
            command += ["--inputs", self.scratch / f"inputs_{index}.npz"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"error": done.stderr}
