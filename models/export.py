#!/usr/bin/env python3
"""Exports the small models of this folder: real architectures, real exporters, random weights.

    pip install -r models/requirements.txt
    python models/export.py            every model
    python models/export.py NAME ...   some of them

Each folder holds `model.onnx`, two sets of inputs with the outputs PyTorch gives for them (other sizes in set 1) and `meta.json`, whose `groundtruth`
says how many tensors the architecture rotates and how. Every parameter is random, biases and norm weights too: zero biases and unit norms hide mistakes.
"""
import argparse
import inspect
import json
import pathlib
import tempfile
import warnings
import zlib

import numpy as np
import onnx
import onnxruntime
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD_DIM, POSITIONS = 48, 64, 24, 2, 4, 2, 16, 64
ROTARY_DIM = 8  # of the architectures that rotate part of a head

LLAMA_LIKE = dict(
    vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
    num_key_value_heads=KV_HEADS, head_dim=HEAD_DIM, max_position_embeddings=POSITIONS, tie_word_embeddings=True,
)
ARCHITECTURES = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA_LIKE)),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**LLAMA_LIKE)),
    "gptj": lambda: transformers.GPTJForCausalLM(transformers.GPTJConfig(
        vocab_size=VOCABULARY, n_embd=HIDDEN, n_inner=INNER, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, rotary_dim=ROTARY_DIM)),
    "gptneox": lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        max_position_embeddings=POSITIONS, rotary_pct=ROTARY_DIM / HEAD_DIM)),
}

# name: architecture, exporter, opset, element type, what goes in beside the tokens, pairing, rotated channels
MODELS = {
    "llama-dynamo": ("llama", "dynamo", 20, "float32", ("mask",), "half", HEAD_DIM),
    "llama-torchscript": ("llama", "torchscript", 17, "float32", ("mask", "positions"), "half", HEAD_DIM),
    "llama-cache": ("llama", "dynamo", 20, "float32", ("mask", "positions", "past"), "half", HEAD_DIM),
    "llama-f16": ("llama", "dynamo", 20, "float16", ("mask", "positions"), "half", HEAD_DIM),
    "qwen3-dynamo": ("qwen3", "dynamo", 20, "float32", ("mask", "positions"), "half", HEAD_DIM),
    "gptj-dynamo": ("gptj", "dynamo", 20, "float32", ("mask", "positions"), "interleaved", ROTARY_DIM),
    "gptneox-torchscript": ("gptneox", "torchscript", 17, "float32", ("mask",), "half", ROTARY_DIM),
}
SETS = [dict(batch=2, sequence=7, past=5), dict(batch=1, sequence=11, past=3)]


def causal_mask(batch_size, cache_position, kv_length, kv_offset=0, mask_function=None, attention_mask=None, dtype=torch.float32, **_):
    """The causal mask in plain tensor operations: the library's own goes through `vmap`, which the TorchScript exporter cannot follow."""
    keys = torch.arange(kv_length) + kv_offset
    allowed = (keys[None, :] <= cache_position[:, None])[None, None]
    if attention_mask is not None:
        allowed = allowed & attention_mask[:, None, None, :].to(torch.bool)
    return torch.where(allowed, torch.zeros((), dtype=dtype), torch.full((), torch.finfo(dtype).min, dtype=dtype))


class Flat(torch.nn.Module):
    """A causal language model with tensors alone as inputs and outputs."""

    def __init__(self, model, extras):
        super().__init__()
        self.model, self.extras = model, extras

    def forward(self, input_ids, attention_mask, position_ids=None, *past):
        arguments = dict(input_ids=input_ids, attention_mask=attention_mask)
        if position_ids is not None:
            arguments["position_ids"] = position_ids
        if not past:
            return self.model(**arguments, use_cache=False).logits
        cache = transformers.DynamicCache.from_legacy_cache(tuple(zip(past[0::2], past[1::2])))
        out = self.model(**arguments, past_key_values=cache, use_cache=True)
        return out.logits, *(t for layer in out.past_key_values.to_legacy_cache() for t in layer)


class WithPositions(Flat):
    def forward(self, input_ids, attention_mask, position_ids):
        return super().forward(input_ids, attention_mask, position_ids)


class WithMask(Flat):
    def forward(self, input_ids, attention_mask):
        return super().forward(input_ids, attention_mask)


class WithPast(Flat):
    def forward(self, input_ids, attention_mask, position_ids, past_key_0, past_value_0, past_key_1, past_value_1):
        return super().forward(input_ids, attention_mask, position_ids, past_key_0, past_value_0, past_key_1, past_value_1)


def wrap(model, extras):
    kind = WithPast if "past" in extras else WithPositions if "positions" in extras else WithMask
    return kind(model, extras).eval()


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() >= 2:
                p.copy_(noise if "emb" in name or "wte" in name else noise / p.shape[-1] ** 0.5)
            elif name.endswith("bias"):
                p.copy_(0.3 * noise)
            else:
                p.copy_(1 + 0.3 * noise)


def inputs(extras, dtype, seed, batch, sequence, past):
    generator = torch.Generator().manual_seed(seed)
    before = past if "past" in extras else 0
    mask = torch.ones(batch, before + sequence, dtype=torch.int64)
    if batch > 1:
        mask[-1, -2:] = 0  # on the right: a row that may look at nothing has no defined softmax
    x = {"input_ids": torch.randint(VOCABULARY, (batch, sequence), generator=generator), "attention_mask": mask}
    if "positions" in extras:
        x["position_ids"] = torch.arange(before, before + sequence).expand(batch, -1) + 3 * torch.arange(batch)[:, None]
    if before:
        for layer in range(LAYERS):
            for part in ("key", "value"):
                x[f"past_{part}_{layer}"] = torch.randn(batch, KV_HEADS, before, HEAD_DIM, generator=generator).to(dtype)
    return x


def axes(extras):
    """Symbolic axes of every input: {name: {axis: symbol}}."""
    total = "past_sequence + sequence" if "past" in extras else "sequence"
    a = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: total}}
    if "positions" in extras:
        a["position_ids"] = {0: "batch", 1: "sequence"}
    if "past" in extras:
        for layer in range(LAYERS):
            for part in ("key", "value"):
                a[f"past_{part}_{layer}"] = {0: "batch", 2: "past_sequence"}
    return a


def export(module, x, extras, exporter, opset, path):
    names = list(x)
    outputs = ["logits"] + [f"present_{part}_{layer}" for layer in range(LAYERS) for part in ("key", "value")] * ("past" in extras)
    if exporter == "torchscript":
        symbols = {n: a for n, a in axes(extras).items()} | {"logits": {0: "batch", 1: "sequence"}}
        torch.onnx.export(module, tuple(x.values()), path, input_names=names, output_names=outputs, dynamic_axes=symbols,
                          opset_version=opset, dynamo=False)
        return
    dims = {"batch": torch.export.Dim("batch"), "sequence": torch.export.Dim("sequence", min=2), "past_sequence": torch.export.Dim("past_sequence", min=2)}
    shapes = {n: {i: dims.get(s, torch.export.Dim.DYNAMIC) for i, s in a.items()} for n, a in axes(extras).items()}
    assert list(inspect.signature(module.forward).parameters) == names
    torch.onnx.export(module, tuple(x.values()), path, input_names=names, output_names=outputs, dynamic_shapes=shapes,
                      opset_version=opset, dynamo=True, external_data=False)


def without_paths(path):
    """Drops the traces and class names that exporters attach to nodes: they name files of the machine they ran on, and are most of the file."""
    model = onnx.load(path)
    graph = model.graph
    for holder in [model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        holder.ClearField("doc_string")
        for i in reversed(range(len(holder.metadata_props))):
            if holder.metadata_props[i].key.endswith(("stack_trace", "class_hierarchy", "fx_node")):
                del holder.metadata_props[i]
    onnx.save(model, path)
    return model


def differences(path, x, want):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    got = session.run(None, {i.name: x[i.name] for i in session.get_inputs()})
    names = [o.name for o in session.get_outputs()]
    assert names == list(want), (names, list(want))
    return max(float(np.abs(g.astype(np.float64) - w.astype(np.float64)).max()) for g, w in zip(got, want.values()))


def make(name):
    arch, exporter, opset, dtype, extras, pairing, rotary_dim = MODELS[name]
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    model = ARCHITECTURES[arch]()
    model.config._attn_implementation = "eager"
    randomise(model, seed)
    torch_dtype = getattr(torch, dtype)
    module = wrap(model.to(torch_dtype), extras)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    path = folder / "model.onnx"
    sets = [inputs(extras, torch_dtype, seed + k, **size) for k, size in enumerate(SETS)]
    with torch.no_grad(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as tmp:
        warnings.simplefilter("ignore")
        scratch = pathlib.Path(tmp) / "model.onnx"
        export(module, sets[0], extras, exporter, opset, str(scratch))
        without_paths(str(scratch))
        path.write_bytes(scratch.read_bytes())
        worst, scale = 0.0, 0.0
        for k, x in enumerate(sets):
            out = module(*x.values())
            out = out if isinstance(out, tuple) else (out,)
            labels = [o.name for o in onnx.load(str(path)).graph.output]
            want = {n: t.numpy() for n, t in zip(labels, out, strict=True)}
            x = {n: np.ascontiguousarray(t.numpy()) for n, t in x.items()}
            np.savez(folder / f"inputs_{k}.npz", **x)
            np.savez(folder / f"expected_{k}.npz", **want)
            worst = max(worst, differences(str(path), x, want))
            scale = max(scale, *(float(np.abs(w).max()) for w in want.values()))
    assert worst <= (2e-2 if dtype == "float16" else 1e-5) * max(1.0, scale), f"{name}: ONNX Runtime and PyTorch differ by {worst}"
    onnx_model = onnx.load(str(path))
    meta = {
        "name": name, "family": arch, "arch": arch, "exporter": exporter, "opset": opset, "dtype": dtype, "dynamic": True,
        "groundtruth": {
            "rope_sites": 2 * LAYERS, "rope_layout": pairing, "rotary_dim": rotary_dim, "head_dim": HEAD_DIM,
            "relative_bias_sites": 0, "relative_bias_kind": None, "sinusoidal_sites": 0, "sinusoidal_kind": None,
        },
        "input_names": [i.name for i in onnx_model.graph.input], "nodes": len(onnx_model.graph.node), "bytes": path.stat().st_size,
        "max_abs_diff": worst, "out_scale": scale,
        "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "onnxruntime": onnxruntime.__version__,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    print(f"{name:22} {meta['nodes']:4} nodes  {meta['bytes']:7} bytes  difference to PyTorch {worst:.1e}")


def main():
    transformers.masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.register("eager", causal_mask)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODELS))
    for name in parser.parse_args().names or MODELS:
        make(name)


if __name__ == "__main__":
    main()
