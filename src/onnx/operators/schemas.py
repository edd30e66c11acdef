"""Writes schemas.txt, the table of operators, from the schemas of the `onnx` package: `python schemas.py > schemas.txt`.

The package does not know the range of an attribute; RANGES says it here. It does not know the operators of `com.microsoft` either:
CONTRIB says what all releases of ONNX Runtime ask of those that the embedded engine has.
"""

import onnx
from onnx import defs

DOMAINS = ["", "ai.onnx.ml"]

# `axis0` is an axis of input 0, `axis` one of a tensor of which nothing is known, `gap0` a place between or beside the axes of input 0,
# `perm0` all axes of input 0, `N..M` numbers, where `r0` is the rank of input 0 and `inputs` their number.
RANGES = {
    "k": {("TopK",): "0.."},
    "axis": {
        ("ArgMax", "ArgMin", "Compress", "Concat", "Gather", "GatherElements", "Hardmax", "LayerNormalization", "LogSoftmax",
         "LpNormalization", "RMSNormalization", "Scatter", "ScatterElements", "Softmax", "Split", "TopK", "Unique", "DFT",
         "TensorScatter"): "axis0",
        ("Flatten", "OneHot"): "gap0",
        ("Add", "And", "ConcatFromSequence", "DequantizeLinear", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow",
         "QuantizeLinear", "SplitToSequence", "Sub", "Xor"): "axis",
    },
    "axes": {
        ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
         "ReduceSum", "ReduceSumSquare", "Squeeze", "Slice", "MeanVarianceNormalization", "CenterCropPad", "Resize"): "axes0",
        ("Unsqueeze",): "gaps0",
    },
    "perm": {("Transpose",): "perm0"},
    "batch_dims": {("GatherND",): "0..r0"},
    "batch_axis": {("ReverseSequence",): "0..1"},
    "time_axis": {("ReverseSequence",): "0..1"},
    "num_scan_inputs": {("Scan",): "1..inputs"},
    "scan_input_axes": {("Scan",): "axis"},
    "scan_output_axes": {("Scan",): "axis"},
    "directions": {("Scan",): "0..1"},
    "scan_input_directions": {("Scan",): "0..1"},
    "scan_output_directions": {("Scan",): "0..1"},
    "group": {("Conv", "ConvInteger", "ConvTranspose", "DeformConv", "QLinearConv"): "1.."},
    "offset_group": {("DeformConv",): "1.."},
    "blocksize": {("DepthToSpace", "SpaceToDepth"): "1.."},
    "block_size": {("DequantizeLinear", "QuantizeLinear"): "0.."},
    "hidden_size": {("GRU", "LSTM", "RNN"): "1.."},
    "size": {("LRN",): "1.."},
    "num_groups": {("GroupNormalization",): "1.."},
    "num_outputs": {("Split",): "1.."},
    "num_heads": {("RotaryEmbedding",): "0.."},
    "rotary_embedding_dim": {("RotaryEmbedding",): "0.."},
    "q_num_heads": {("Attention", "LinearAttention"): "1.."},
    "kv_num_heads": {("Attention", "LinearAttention"): "1.."},
    "sample_size": {("Multinomial",): "1.."},
    "output_height": {("RoiAlign",): "1.."},
    "output_width": {("RoiAlign",): "1.."},
    "to": {("BitCast", "Cast"): "dtype"},
    "dtype": {("Bernoulli", "EyeLike", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
               "SequenceEmpty"): "dtype"},
    "output_datatype": {("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"): "dtype"},
    "stash_type": {("GroupNormalization", "LayerNormalization", "RMSNormalization"): "dtype"},
    "shape": {("RandomNormal", "RandomUniform"): "0.."},
    "strides": {("AveragePool", "Col2Im", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool", "MaxPool",
                 "MaxUnpool", "QLinearConv"): "1.."},
    "dilations": {("AveragePool", "Col2Im", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool", "MaxPool",
                   "QLinearConv"): "1.."},
    "kernel_shape": {("AveragePool", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool", "MaxPool", "MaxUnpool",
                      "QLinearConv"): "1.."},
    "pooled_shape": {("MaxRoiPool",): "1.."},
}

# What inputs hold, from a version on: axes of input 0; numbers; a `shape`, where -1 leaves one size open; a vector with a number for
# each axis (`vector`), or with two (`pads`); `tuple0`, rows of indices into input 0; `one` element.
INPUTS = {
    ("Squeeze", 13): "1=axes0",
    ("Unsqueeze", 13): "1=gaps0",
    ("Slice", 10): "3=axes0",
    ("Reshape", 5): "1=shape",
    ("Expand", 8): "1=vector",
    ("ConstantOfShape", 9): "0=sizes",
    ("Tile", 6): "1=sizes",
    ("Split", 13): "1=0..",
    ("OneHot", 9): "1=one 1=0..",
    ("TopK", 10): "1=one 1=0..",
    ("DFT", 17): "1=one",
    ("DFT", 20): "1=one 2=one 2=axis0",
    ("CumSum", 11): "1=one 1=axis0",
    ("CumProd", 26): "1=one 1=axis0",
    ("Range", 11): "0=one 1=one 2=one",
    ("Trilu", 14): "1=one",
    ("Clip", 11): "1=one 2=one",
    ("Dropout", 12): "1=one 2=one",
    ("If", 1): "0=one",
    ("Pad", 11): "1=pads 2=one",
    ("CenterCropPad", 18): "1=sizes",
    ("GatherND", 11): "1=tuple0",
    ("ScatterND", 11): "1=tuple0",
    ("Pad", 18): "1=pads 2=one 3=axes0",
    **{(f"Reduce{kind}", version): "1=axes0" for kind, version in
       [("Sum", 13)] + [(k, 18) for k in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")]},
}

CONTRIB = """\
com.microsoft::BiasGelu 1 rr r
com.microsoft::FastGelu 1 ro r
com.microsoft::GatherBlockQuantized 1 rrro r gather_axis:int=axis0 quantize_axis:int=axis0 block_size:int=1.. bits:int=1..8
com.microsoft::Gelu 1 r r
com.microsoft::GroupQueryAttention 1 roooooov0 rooo num_heads:int!=1.. kv_num_heads:int!=1.. do_rotary:int local_window_size:int rotary_interleaved:int scale:float softcap:float
com.microsoft::MatMulNBits 1 rrrv0 r K:int!=1.. N:int!=1.. bits:int=1..8 block_size:int!=1.. accuracy_level:int
com.microsoft::MultiHeadAttention 1 rv0 rv0 num_heads:int!=1.. scale:float unidirectional:int mask_filter_value:float
com.microsoft::QuickGelu 1 r r alpha:float
com.microsoft::RotaryEmbedding 1 rrrrv0 r interleaved:int num_heads:int=0.. rotary_embedding_dim:int=0.. scale:float
SimplifiedLayerNormalization 1 rr ro axis:int=axis0 epsilon:float stash_type:int
com.microsoft::SimplifiedLayerNormalization 1 rr ro axis:int=axis0 epsilon:float stash_type:int
com.microsoft::SkipLayerNormalization 1 rrroo rooo epsilon:float
com.microsoft::SkipSimplifiedLayerNormalization 1 rrro rooo epsilon:float
"""


def ranges(schema, attribute):
    for operators, allowed in RANGES.get(attribute, {}).items():
        if schema.name in operators:
            return "=" + allowed
    return ""


def default(schema, attribute):
    if attribute.type.name != "INT" or not attribute.default_value.name or not ranges(schema, attribute.name):
        return ""
    return f"@{attribute.default_value.i}"


def slots(formals):
    option = defs.OpSchema.FormalParameterOption
    letters = {option.Single: "r", option.Optional: "o"}
    return "".join(letters.get(f.option, f"v{f.min_arity}") for f in formals) or "-"


def kind(attribute):
    return {"TYPE_PROTO": "type", "TYPE_PROTOS": "types", "SPARSE_TENSOR": "sparse", "SPARSE_TENSORS": "sparses"}.get(
        attribute.type.name, attribute.type.name.lower())


def rest(schema):
    constants = [v for (name, since), v in sorted(INPUTS.items()) if name == schema.name and since <= schema.since_version][-1:]
    attributes = [f"{a.name}:{kind(a)}{'!' * a.required}{default(schema, a)}{ranges(schema, a.name)}"
                  for a in sorted(schema.attributes.values(), key=lambda a: a.name)]
    return " ".join([slots(schema.inputs), slots(schema.outputs), *constants, *attributes])


def main():
    print(f"# Made by schemas.py from onnx {onnx.__version__}. A line is a version of an operator: name, first opset, inputs, outputs,")
    print("# what inputs hold, attributes (`!` required, `@` default). Inputs: r required, o optional, vN any number from N on.")
    print(f"opset {defs.onnx_opset_version()}")
    schemas = [s for s in defs.get_all_schemas_with_history() if s.domain in DOMAINS and not s.deprecated]
    before = None
    for schema in sorted(schemas, key=lambda s: (s.domain, s.name, s.since_version)):
        name = f"{schema.domain}::{schema.name}" if schema.domain else schema.name
        line = (name, rest(schema))
        if line != before:
            print(f"{name} {schema.since_version} {line[1]}")
        before = line
    print(CONTRIB, end="")


if __name__ == "__main__":
    main()
