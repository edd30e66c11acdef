"""A worker that runs models in one host of Python: `ort`, `ort-lib` (with Phasor's library), `openvino` or `reference`.

`workers.py` says what it reads and writes.
"""
import json
import os
import sys

import numpy as np
from workers import pack, unpack


def ort(library=None):
    import onnxruntime

    kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}

    def load(path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        if library:
            options.register_custom_ops_library(library)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # A tool may have changed the type of an input.
        types = {put.name: kinds.get(put.type) for put in session.get_inputs()}
        names = [put.name for put in session.get_outputs()]

        def run(inputs):
            feeds = {name: value.astype(types[name] or value.dtype) for name, value in inputs.items() if name in types}
            return dict(zip(names, session.run(names, feeds)))

        return run

    return load


def openvino():
    import openvino

    core = openvino.Core()

    def load(path):
        # Processors with bfloat16 would round to it, and hide what is compared here.
        compiled = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda inputs: {port.any_name: value for port, value in compiled(inputs).items()}

    return load


def reference():
    from onnx.reference import ReferenceEvaluator

    def load(path):
        evaluator = ReferenceEvaluator(path)
        return lambda inputs: dict(zip(evaluator.output_names, evaluator.run(None, inputs)))

    return load


HOSTS = {"ort": ort, "ort-lib": lambda: ort(os.environ["PHASOR_OPS_LIB"]), "openvino": openvino, "reference": reference}


def answer(load, job):
    stage = "load"
    try:
        run = load(job["model"])
        stage = "run"
        return {"outputs": [pack(run(unpack(inputs))) for inputs in job["inputs"]]}
    except Exception as error:
        return {"error": str(error) or type(error).__name__, "stage": stage}


def serve(reply):
    """Answers jobs until there are no more. What a host prints itself must not come between the replies."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(reply(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    loader = HOSTS[sys.argv[1]]()
    serve(lambda job: answer(loader, job))
