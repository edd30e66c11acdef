#!/usr/bin/env python3
"""Exports a small Llama with random weights, fuses it, and compares it with PyTorch; then the same by way of optimum-onnx.

    pip install -r requirements.txt
    python export.py

writes to the working directory, and downloads nothing.
"""
import shutil
import subprocess
import sys
import sysconfig
import warnings

import numpy
import onnxruntime
import torch
import transformers

import phasor.torch

CONFIG = transformers.LlamaConfig(
    vocab_size=256,
    hidden_size=256,
    intermediate_size=512,
    num_hidden_layers=4,
    num_attention_heads=8,
    num_key_value_heads=4,
    max_position_embeddings=512,
    bos_token_id=1,
    eos_token_id=2,
)


class Logits(torch.nn.Module):
    """The model with tensors alone as inputs and output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits


def from_torch(model):
    """Exports with PyTorch's own exporter, and fuses the program that it returns."""
    tokens, mask = torch.randint(3, CONFIG.vocab_size, (2, 24)), torch.ones(2, 24, dtype=torch.int64)
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        Logits(model).eval(),
        (tokens, mask),
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": axes, "attention_mask": axes},
        verbose=False,
    )
    print(phasor.torch.fuse(program, "fused.onnx", force=True))
    session = onnxruntime.InferenceSession("fused.onnx", phasor.register(onnxruntime.SessionOptions()))
    for batch, length in ((2, 24), (1, 100)):
        tokens, mask = torch.randint(3, CONFIG.vocab_size, (batch, length)), torch.ones(batch, length, dtype=torch.int64)
        (found,) = session.run(None, {"input_ids": tokens.numpy(), "attention_mask": mask.numpy()})
        with torch.no_grad():
            expected = Logits(model)(tokens, mask).numpy()
        difference = numpy.abs(found - expected).max() / numpy.abs(expected).max()
        print(f"batch {batch}, {length} tokens: {difference:.1e} from PyTorch")
        if not difference < 1e-4:
            sys.exit("error: the fused model differs from PyTorch")


def from_optimum(model):
    """Exports with optimum-onnx, fuses the file in place, and generates with the model class of Optimum."""
    from optimum.onnxruntime import ORTModelForCausalLM

    shutil.rmtree("exported", ignore_errors=True)
    model.save_pretrained("checkpoint")
    scripts = sysconfig.get_path("scripts")
    subprocess.run(
        [f"{scripts}/optimum-cli", "export", "onnx", "--model", "checkpoint", "--task", "text-generation-with-past", "exported"],
        check=True,
    )
    print(phasor.torch.fuse("exported/model.onnx", "exported/model.onnx", force=True))
    options = phasor.register(onnxruntime.SessionOptions())
    fused = ORTModelForCausalLM.from_pretrained("exported", session_options=options)
    tokens = torch.randint(3, CONFIG.vocab_size, (1, 16))
    how = {"max_new_tokens": 32, "do_sample": False, "attention_mask": torch.ones_like(tokens)}
    expected, found = model.generate(tokens, **how), fused.generate(tokens, **how)
    print(f"{found.shape[1] - tokens.shape[1]} tokens generated, {int((found != expected).sum())} unlike PyTorch's")
    if not torch.equal(found, expected):
        sys.exit("error: the fused model generates other tokens than PyTorch")


def main():
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", module="torch")
    model = transformers.LlamaForCausalLM(CONFIG).eval()
    from_torch(model)
    from_optimum(model)


if __name__ == "__main__":
    main()
