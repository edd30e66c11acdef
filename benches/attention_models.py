#!/usr/bin/env python3
"""Exports models with attention at real widths, with random weights, for `attention_end_to_end.py`.

    pip install -r models/requirements.txt
    python benches/attention_models.py FOLDER [NAME ...]

Four layers each, by `torch.onnx.export`; batch, sequence and past are symbolic. Written to FOLDER as `NAME.onnx` in f32, and beside it, for
those that `CONVERTED` lists, as `NAME-int4.onnx` (ONNX Runtime's MatMulNBits, blocks of 32, accuracy level 4) and `NAME-f16.onnx` (its
converter).

* `llama` is a decoder with a cache: hidden size 1024, 16 heads, 4 key heads of 64, 2816 in its feed-forward part. `llama-mha` has 16 key heads,
  `llama-eager` adds a mask to scores in the older manner, `llama-torchscript` is `llama-eager` by the older exporter.
* `gemma2` is a decoder whose scores have a softcap, and every other layer of which sees a window of 512 keys.
* `bert`, `modernbert` and `t5` are encoders: hidden size 768, 12 heads. `whisper` is one of 1500 positions, without a mask.

Needs torch, transformers, onnx and onnxruntime.
"""
import argparse
import pathlib
import warnings

import needs

with needs.packages("onnx", "onnxruntime", "torch", "transformers"):
    import onnx
    import torch
    import transformers
    from attention_variants import converted

LAYERS, WORDS, HEAD = 4, 8000, 64
DECODER = dict(
    vocab_size=WORDS, hidden_size=1024, intermediate_size=2816, num_hidden_layers=LAYERS, num_attention_heads=16, num_key_value_heads=4,
    head_dim=HEAD, max_position_embeddings=8192, tie_word_embeddings=False,
)
ENCODER = dict(vocab_size=WORDS, hidden_size=768, num_hidden_layers=LAYERS, num_attention_heads=12)


def llama(attention="sdpa", **changed):
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**DECODER | changed, attn_implementation=attention))


def gemma2():
    config = transformers.Gemma2Config(**DECODER, sliding_window=512, query_pre_attn_scalar=HEAD, attn_implementation="eager")
    return transformers.Gemma2ForCausalLM(config)


def bert():
    return transformers.BertModel(transformers.BertConfig(**ENCODER, intermediate_size=3072), add_pooling_layer=False)


def modernbert():
    config = transformers.ModernBertConfig(**ENCODER, intermediate_size=1152, reference_compile=False, pad_token_id=0)
    return transformers.ModernBertModel(config)


def t5():
    config = transformers.T5Config(vocab_size=WORDS, d_model=768, d_kv=HEAD, d_ff=3072, num_layers=LAYERS, num_heads=12)
    return transformers.T5EncoderModel(config)


def whisper():
    config = transformers.WhisperConfig(d_model=768, encoder_layers=LAYERS, encoder_attention_heads=12, encoder_ffn_dim=3072)
    return transformers.WhisperModel(config).encoder


DECODERS = {
    "llama": llama,
    "llama-mha": lambda: llama(num_key_value_heads=16),
    "llama-eager": lambda: llama("eager"),
    "llama-torchscript": lambda: llama("eager"),
    "gemma2": gemma2,
}
ENCODERS = {"bert": bert, "modernbert": modernbert, "t5": t5, "whisper": whisper}
CONVERTED = {"llama": ("int4", "f16"), "llama-mha": ("int4",), "gemma2": ("int4",)}


def causal_mask(batch_size, cache_position, kv_length, kv_offset=0, mask_function=None, attention_mask=None, dtype=torch.float32, **_):
    """The mask in plain tensor operations: the library's own goes through `vmap`, which the TorchScript exporter cannot follow."""
    keys = torch.arange(kv_length) + kv_offset
    seen = (keys[None, :] <= cache_position[:, None])[None, None]
    if attention_mask is not None:
        seen = seen & attention_mask[:, None, None, :].to(torch.bool)
    return torch.where(seen, torch.zeros((), dtype=dtype), torch.full((), torch.finfo(dtype).min, dtype=dtype))


class Decoder(torch.nn.Module):
    """A step: ids, mask, positions, and keys and values of every layer by turns; logits and all keys and values."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = transformers.DynamicCache.from_legacy_cache(tuple(zip(past[0::2], past[1::2])))
        out = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True,
        )
        return out.logits, *(part for layer in out.past_key_values.to_legacy_cache() for part in layer)


class Encoder(torch.nn.Module):
    """Ids and their mask; hidden states."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class Audio(torch.nn.Module):
    """Mel spectra; hidden states."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_features):
        return self.model(input_features).last_hidden_state


def decoder_inputs(model):
    """Inputs of a step of three tokens after five, by name, with the symbols of their axes."""
    config = model.config
    past = torch.randn(2, config.num_key_value_heads, 5, HEAD)
    inputs = {
        "input_ids": (torch.randint(WORDS, (2, 3)), {0: "batch", 1: "sequence"}),
        "attention_mask": (torch.ones(2, 8, dtype=torch.int64), {0: "batch", 1: "total"}),
        "position_ids": (torch.arange(5, 8).expand(2, -1).clone(), {0: "batch", 1: "sequence"}),
    }
    for layer in range(LAYERS):
        for part in ("key", "value"):
            inputs[f"past_key_values.{layer}.{part}"] = (past.clone(), {0: "batch", 2: "past"})
    return inputs


def exported(name, path):
    torch.manual_seed(1)
    if name in DECODERS:
        model = DECODERS[name]()
        inputs = decoder_inputs(model)
        outputs = ["logits", *(f"present.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value"))]
        module = Decoder(model)
    elif name == "whisper":
        inputs, outputs = {"input_features": (torch.randn(2, 80, 3000), {0: "batch"})}, ["hidden_states"]
        module = Audio(ENCODERS[name]())
    else:
        axes = {0: "batch", 1: "sequence"}
        inputs = {"input_ids": (torch.randint(3, WORDS, (2, 9)), axes), "attention_mask": (torch.ones(2, 9, dtype=torch.int64), axes)}
        outputs, module = ["hidden_states"], Encoder(ENCODERS[name]())
    arguments = tuple(value for value, _ in inputs.values())
    named = dict(input_names=list(inputs), output_names=outputs)
    if name.endswith("torchscript"):
        transformers.masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.register("eager", causal_mask)
        axes = {given: axes for given, (_, axes) in inputs.items()} | {outputs[0]: {0: "batch", 1: "sequence"}}
        torch.onnx.export(module.eval(), arguments, path, **named, dynamic_axes=axes, opset_version=17, dynamo=False)
        return
    symbols = {symbol: torch.export.Dim(symbol) for symbol in ("batch", "sequence", "past")}
    shapes = [{axis: symbols.get(symbol, torch.export.Dim.DYNAMIC) for axis, symbol in axes.items()} for _, axes in inputs.values()]
    if name in DECODERS:
        shapes = [*shapes[:3], tuple(shapes[3:])]
    torch.onnx.export(
        module.eval(), arguments, path, **named, dynamic_shapes=tuple(shapes), opset_version=20, dynamo=True, external_data=False, verbose=False,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*DECODERS, *ENCODERS]))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or [*DECODERS, *ENCODERS]:
        path = arguments.folder / f"{name}.onnx"
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported(name, str(path))
        for kind in CONVERTED.get(name, ()):
            onnx.save(converted(onnx.load(path), kind), path.with_name(f"{name}-{kind}.onnx"))
        print(f"{name}: {len(onnx.load(path).graph.node)} nodes", flush=True)


if __name__ == "__main__":
    main()
