#!/usr/bin/env python3
"""Checks the folder of a model in a repository against what Triton asks of one, without Triton.

    python check.py models/llama
    python check.py models/llama inputs.npz

The configuration is parsed as the message `ModelConfig`, which refuses unknown fields and wrong types, and held against folder and model. With
inputs, the model runs on them with the operator library of the folder, and inputs and results are held against the sizes of the configuration.
"""
import pathlib
import re
import sys

import numpy
import onnxruntime
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

from repository import element


def session_of(folder, config, version):
    options = onnxruntime.SessionOptions()
    for library in config.model_operations.op_library_filename:
        # The server sees the folder elsewhere.
        options.register_custom_ops_library(str(folder / pathlib.PurePosixPath(library).name))
    return onnxruntime.InferenceSession(str(version / (config.default_model_filename or "model.onnx")), options)


def fits(shape, entry, config):
    """Whether a tensor or a model's value may be what an entry of the configuration says."""
    told = ([-1] if config.max_batch_size else []) + list(entry.dims)
    return len(told) == len(shape) and all(size in (-1, has) for size, has in zip(told, shape))


def faults(folder, inputs):
    """What is wrong with the folder of a model."""
    config = text_format.Parse((folder / "config.pbtxt").read_text(), triton.ModelConfig())
    if config.name != folder.name:
        yield f"the configuration is that of `{config.name}`"
    if not config.backend:
        yield "no backend is named"
    for library in config.model_operations.op_library_filename:
        if not pathlib.PurePosixPath(library).is_absolute():
            yield f"`{library}` is no absolute path"
    versions = [path for path in folder.iterdir() if path.is_dir() and re.fullmatch(r"[1-9]\d*", path.name)]
    if not versions:
        yield "there is no version"
    for version in versions:
        session = session_of(folder, config, version)
        for entries, values in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
            if [entry.name for entry in entries] != [value.name for value in values]:
                named, there = (", ".join(item.name for item in items) for items in (entries, values))
                yield f"the configuration names {named}, and the model has {there}"
            for entry, value in zip(entries, values):
                if entry.data_type != element(value) or not fits(value.shape, entry, config):
                    yield f"`{entry.name}` is {value.type} {value.shape}, and the configuration says otherwise"
        if inputs:
            results = session.run(None, inputs)
            for entry, tensor in [*((entry, inputs[entry.name]) for entry in config.input), *zip(config.output, results)]:
                if not fits(tensor.shape, entry, config):
                    yield f"`{entry.name}` is {tensor.shape}, which the configuration does not allow"


def main():
    folder = pathlib.Path(sys.argv[1])
    inputs = dict(numpy.load(sys.argv[2])) if len(sys.argv) > 2 else {}
    found = list(faults(folder, inputs))
    for fault in found:
        print(f"error: {folder.name}: {fault}")
    if not found:
        print(f"{folder.name}: as Triton asks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
