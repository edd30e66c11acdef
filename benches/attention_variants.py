"""What other tools, and hands, make of a model with attention: `VARIANTS`, by name. Each function takes the path of an f32 model, its `Kind`
and the path of `phasor`, and returns another model.

`attention_end_to_end.py` times them beside `phasor fuse`. The tools get the f32 model, which is what they are written for, and what they return
is converted to the type in question (`converted`); Phasor gets the converted file.

What is written by hand starts from the sites that `phasor fuse --select attention` finds, and puts another operator in their place. Such a
model is what an ideal fuser to that operator would write: it may be right under conditions that nobody has proven.

Needs onnx, numpy and onnxruntime, and for one of the tools onnxscript.
"""
import dataclasses
import json
import logging
import pathlib
import subprocess
import tempfile
import warnings

import needs

with needs.packages("numpy", "onnx", "onnxruntime"):
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the tools ask to be told about a model. `type` is the name that fits best in ONNX Runtime's list."""

    type: str
    heads: int = 12
    key_heads: int = 12
    decoder: bool = False


# Of the decoders that ONNX Runtime's optimizer knows, Qwen3 alone has rotary embeddings and key heads.
DECODER = Kind("qwen3", 16, 4, True)
KINDS = {
    "llama": DECODER,
    "llama-mha": Kind("qwen3", 16, 16, True),
    "llama-eager": DECODER,
    "llama-torchscript": DECODER,
    "gemma2": DECODER,
    "bert": Kind("bert"),
    "modernbert": Kind("bert"),
    "t5": Kind("t5"),
    "whisper": Kind("bart"),
}

# The quantizer reports on every node.
logging.disable(logging.INFO)


class Absent(Exception):
    """The variant does not exist, for the reason given."""


def converted(model, kind):
    """The f32 model in another type: 4-bit weights of its products (`int4`), or `f16` throughout, inputs and outputs too."""
    if kind == "f32":
        return model
    if kind == "int4":
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantizer = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True, accuracy_level=4)
        quantizer.process()
        return quantizer.model.model
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights below the smallest half, which become that
        return convert_float_to_float16(model, keep_io_types=False)


def fused(phasor, model, output, *options):
    """Runs `phasor fuse` on a file and returns its report."""
    command = [phasor, "fuse", model, "-o", output, "--force", "--no-verify", "--format", "json", *options]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def by_onnxruntime(path, kind, _):
    from onnxruntime.transformers import optimizer

    return optimizer.optimize_model(
        str(path), model_type=kind.type, num_heads=kind.heads, hidden_size=64 * kind.heads, opt_level=0, use_gpu=False,
    ).model


def by_onnxscript(path, *_):
    try:
        import onnx_ir
        from onnxscript.rewriter.ort_fusions import optimize_for_ort
    except ImportError as error:
        raise Absent(f"{error}; `pip install onnxscript`") from error
    result = optimize_for_ort(onnx_ir.load(path))
    return onnx_ir.to_proto(result[0] if isinstance(result, tuple) else result)


def apart(graph):
    """Takes the cache out of attention: keys and values are put together by Concat again."""
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if (node.domain, node.op_type) == ("ai.phasor", "CachedAttention"):
            q, k, v, bias, mask, past_k, past_v = node.input
            y, present_k, present_v = node.output
            for parts, whole in (([past_k, k], present_k), ([past_v, v], present_v)):
                graph.node.append(helper.make_node("Concat", parts, [whole], axis=2))
            node.op_type = "Attention"
            del node.input[:], node.output[:]
            node.input.extend([q, present_k, present_v, bias, mask])
            node.output.append(y)
        graph.node.append(node)


class Replacement:
    """A model whose `Attention` nodes are being replaced."""

    def __init__(self, phasor, path):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder) / "sites.onnx"
            fused(phasor, path, output, "--select", "attention")
            self.model = onnx.load(output)
        self.graph = self.model.graph
        apart(self.graph)
        self.made = {output: node for node in self.graph.node for output in node.output}
        self.readers = {}
        for node in self.graph.node:
            for value in node.input:
                self.readers.setdefault(value, []).append(node)
        self.sites = [node for node in self.graph.node if (node.domain, node.op_type) == ("ai.phasor", "Attention")]
        if not self.sites:
            raise Absent("no attention was found")
        self.nodes, self.shared = [], {}

    def __call__(self, op_type, inputs, outputs=None, domain="", **attributes):
        outputs = outputs or [f"by_hand_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op_type, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def constant(self, array):
        name = f"by_hand_c{len(self.graph.initializer)}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def once(self, key, make):
        """A value that all sites share."""
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def producer(self, value, op_type):
        node = self.made.get(value)
        return node if node is not None and node.op_type == op_type else None

    def flat(self, value):
        """`[B, N, S, D]` as `[B, S, N * D]`: without nodes where it was made of that."""
        turned = self.producer(value, "Transpose")
        if turned and list(turned.attribute[0].ints) == [0, 2, 1, 3]:
            split = self.producer(turned.input[0], "Reshape")
            if split:
                return split.input[0]
        shape = self.once("flat", lambda: self.constant(np.array([0, 0, -1])))
        return self("Reshape", [self("Transpose", [value], perm=[0, 2, 1, 3]), shape])

    def joined(self, site):
        """The value that has the result of a site as `[B, S, N * D]`."""
        (turned,) = self.readers[site.output[0]]
        (joined,) = self.readers[turned.output[0]]
        assert (turned.op_type, joined.op_type) == ("Transpose", "Reshape")
        return joined.output[0]

    def bias(self, site):
        """The bias of a site, or None where it has none."""
        return None if site.input[3].startswith("phasor_no_bias") else site.input[3]

    def scale(self, site):
        return next(a.f for a in site.attribute if a.name == "scale")

    def softcap(self, site):
        return next(a.f for a in site.attribute if a.name == "softcap")

    def finished(self, opset=None):
        """The model without what no output needs, in topological order."""
        new = {output for node in self.nodes for output in node.output if output}
        nodes = [node for node in self.graph.node if not new & set(node.output)] + self.nodes
        made = {output: node for node in nodes for output in node.output}
        order, seen = [], set()

        def visit(value):
            stack = [(made.get(value), False)]
            while stack:
                node, ready = stack.pop()
                if node is None or (id(node) in seen and not ready):
                    continue
                if ready:
                    order.append(node)
                    continue
                seen.add(id(node))
                stack.append((node, True))
                stack += [(made.get(value), False) for value in node.input]

        for output in self.graph.output:
            visit(output.name)
        used = {value for node in order for value in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        for field, values in ((self.graph.node, order), (self.graph.initializer, kept), (self.graph.value_info, [])):
            values = list(values)
            del field[:]
            field.extend(values)
        del self.model.functions[:]
        domains = {imported.domain for imported in self.model.opset_import}
        if "com.microsoft" not in domains:
            self.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        if opset:
            # Between the opset of the exports and this one no operator that they use has changed its meaning.
            next(i for i in self.model.opset_import if i.domain == "").version = opset
            self.model.ir_version = max(self.model.ir_version, 11)
        return self.model


def group_query(path, kind, phasor):
    """GroupQueryAttention with the model's own mask as its bias, the cache inside, rotary embeddings left before it."""
    g = Replacement(phasor, path)
    one = np.array(1, np.int64)
    total = g("Gather", [g("Shape", ["attention_mask"]), g.constant(one)])
    last = g("Expand", [g("Sub", [total, g.constant(one)]), g("Shape", ["input_ids"], start=0, end=1)])
    last, total = (g("Cast", [value], to=TensorProto.INT32) for value in (last, total))
    for site in g.sites:
        query, key, value = site.input[:3]
        caches = [g.producer(cache, "Concat") for cache in (key, value)]
        if not all(caches):
            raise Absent("GroupQueryAttention joins caches itself, here there are none")
        (past_key, new_key), (past_value, new_value) = (cache.input for cache in caches)
        inputs = [g.flat(query), g.flat(new_key), g.flat(new_value), past_key, past_value, last, total, "", "", "", g.bias(site) or ""]
        g(
            "GroupQueryAttention", inputs, [g.joined(site), key, value], "com.microsoft",
            num_heads=kind.heads, kv_num_heads=kind.key_heads, scale=g.scale(site), softcap=g.softcap(site),
        )
    return g.finished()


def multi_head(path, kind, phasor):
    """MultiHeadAttention with the model's own mask as its bias."""
    if kind.heads != kind.key_heads:
        raise Absent("MultiHeadAttention has as many key heads as heads")
    g = Replacement(phasor, path)
    for site in g.sites:
        if g.softcap(site):
            raise Absent("MultiHeadAttention has no softcap")
        query, key, value = site.input[:3]
        if not g.producer(key, "Concat"):
            key, value = g.flat(key), g.flat(value)
        inputs = [g.flat(query), key, value, "", "", g.bias(site) or ""]
        g("MultiHeadAttention", inputs, [g.joined(site)], "com.microsoft", num_heads=kind.heads, scale=g.scale(site))
    return g.finished()


def of_onnx(path, _, phasor):
    """Attention of opset 24 with the model's own mask, as booleans where it has them."""
    g = Replacement(phasor, path)
    for site in g.sites:
        query, key, value = site.input[:3]
        mask = g.bias(site)
        chosen = mask and g.producer(mask, "Where")
        if chosen and list(chosen.input[1:]) and zero(g, chosen.input[1]):
            mask = chosen.input[0]
        attributes = dict(scale=g.scale(site), softcap=g.softcap(site))
        result = g("Attention", [query, key, value, *([mask] if mask else [])], **attributes)
        shape = g.once("flat", lambda: g.constant(np.array([0, 0, -1])))
        g("Reshape", [g("Transpose", [result], perm=[0, 2, 1, 3]), shape], [g.joined(site)])
    return g.finished(opset=24)


def zero(g, value):
    """Whether a value is a constant 0."""
    return any(t.name == value and not numpy_helper.to_array(t).any() for t in g.graph.initializer)


VARIANTS = {
    "ONNX Runtime's optimizer": by_onnxruntime,
    "onnxscript": by_onnxscript,
    "GroupQueryAttention": group_query,
    "MultiHeadAttention": multi_head,
    "Attention-24": of_onnx,
}
