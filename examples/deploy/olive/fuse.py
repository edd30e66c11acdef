#!/usr/bin/env python3
"""Runs the workflow of `config.json`, with Phasor's pass between two of Olive's own, and compares the result with the model it began with.

    pip install -r requirements.txt
    python fuse.py

in a folder that has the model in `model.onnx`; writes to `out` and `cache` there.
"""
import collections
import os
import pathlib
import sys

# Before Olive is imported: it would report how it is used.
os.environ.setdefault("OLIVE_DISABLE_TELEMETRY", "1")

import numpy
import olive
import onnx
import onnxruntime

import phasor.olive

CONFIG = pathlib.Path(__file__).with_name("config.json")


def run(path, options):
    """The first result of a model on tokens of its vocabulary."""
    tokens = numpy.arange(40, dtype=numpy.int64).reshape(2, 20)
    session = onnxruntime.InferenceSession(str(path), options)
    return session.run(None, {"input_ids": tokens, "attention_mask": numpy.ones_like(tokens)})[0]


def main():
    result = olive.run(str(CONFIG), package_config=phasor.olive.package_config())
    path = result.get_best_candidate().model_path
    nodes = collections.Counter(node.op_type for node in onnx.load(path).graph.node if node.domain == "ai.phasor")
    print(f"`{path}`: {dict(nodes)}")
    expected = run("model.onnx", onnxruntime.SessionOptions())
    for name, options in (("without", onnxruntime.SessionOptions()), ("with", phasor.register(onnxruntime.SessionOptions()))):
        difference = numpy.abs(run(path, options) - expected).max() / numpy.abs(expected).max()
        print(f"{name} the library: {difference:.1e} from the original, in half precision")
        if not difference < 5e-3:
            sys.exit("error: the model differs from the original")
    if not nodes:
        sys.exit("error: nothing was fused")


if __name__ == "__main__":
    main()
