#!/usr/bin/env python3
"""Writes a model repository for Triton Inference Server: a fused model, its configuration, and the operator library beside them.

    pip install onnxruntime 'tritonclient[grpc]'
    python repository.py fused.onnx models --name llama --max-batch-size 8

Inputs and outputs are taken from the model. With `--max-batch-size` Triton forms batches along the first axis of every input and output, which
must have one symbolic size. `--mount` is where the server sees the repository.
"""
import argparse
import pathlib
import re
import shutil
import sys

import onnxruntime
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

import phasor

TYPES = {
    "bool": triton.TYPE_BOOL,
    "uint8": triton.TYPE_UINT8,
    "uint16": triton.TYPE_UINT16,
    "uint32": triton.TYPE_UINT32,
    "uint64": triton.TYPE_UINT64,
    "int8": triton.TYPE_INT8,
    "int16": triton.TYPE_INT16,
    "int32": triton.TYPE_INT32,
    "int64": triton.TYPE_INT64,
    "float16": triton.TYPE_FP16,
    "float": triton.TYPE_FP32,
    "double": triton.TYPE_FP64,
    "bfloat16": triton.TYPE_BF16,
    "string": triton.TYPE_STRING,
}


def element(value):
    """The element type of an input or output."""
    return TYPES[re.fullmatch(r"tensor\((\w+)\)", value.type)[1]]


def sizes(value, batched):
    """The sizes that Triton is told: those behind the batch, and -1 for one that may be anything."""
    told = [size if isinstance(size, int) else -1 for size in (value.shape[1:] if batched else value.shape)]
    if not told:
        sys.exit(f"error: `{value.name}` has no sizes to tell Triton\nhint: write its entry with `reshape` by hand")
    return told


def configuration(session, name, library, max_batch_size):
    """The configuration of a model that runs with the operator library at a path of the server."""
    values = [*session.get_inputs(), *session.get_outputs()]
    batched = max_batch_size > 0
    firsts = {value.shape[0] if value.shape else 0 for value in values}
    if batched and (len(firsts) != 1 or isinstance(*firsts, int)):
        shapes = ", ".join(f"`{value.name}` {value.shape}" for value in values)
        sys.exit(f"error: not all inputs and outputs begin with one symbolic size: {shapes}\nhint: leave out `--max-batch-size`")
    config = triton.ModelConfig(name=name, backend="onnxruntime", max_batch_size=max_batch_size)
    config.model_operations.op_library_filename.append(str(library))
    for value in session.get_inputs():
        config.input.add(name=value.name, data_type=element(value), dims=sizes(value, batched))
    for value in session.get_outputs():
        config.output.add(name=value.name, data_type=element(value), dims=sizes(value, batched))
    if batched:
        config.dynamic_batching.SetInParent()
    return config


def write(model, repository, name, mount, max_batch_size):
    """Writes the folder of a model."""
    folder = repository / name
    version = folder / "1"
    version.mkdir(parents=True, exist_ok=True)
    shutil.copy(model, version / "model.onnx")
    library = pathlib.Path(shutil.copy(phasor.library_path(), folder))
    # Loading it here says at once what the server would say later.
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(str(library))
    session = onnxruntime.InferenceSession(str(model), options)
    config = configuration(session, name, mount / name / library.name, max_batch_size)
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a fused model; its data files are not copied")
    parser.add_argument("repository", type=pathlib.Path)
    parser.add_argument("--name", help="the name of the model in the repository (that of the file)")
    parser.add_argument("--mount", type=pathlib.PurePosixPath, default=pathlib.PurePosixPath("/models"), help="`/models` by default")
    parser.add_argument("--max-batch-size", type=int, default=0, help="0 by default: Triton forms no batches")
    args = parser.parse_args()
    folder = write(args.model, args.repository, args.name or args.model.stem, args.mount, args.max_batch_size)
    print((folder / "config.pbtxt").read_text(), end="")


if __name__ == "__main__":
    main()
