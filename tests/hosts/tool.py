"""A worker that applies tools to models: `TOOLS` says what each is, in the form in which its documentation calls it.

`workers.py` says what it reads and writes. A tool is a function of the path of a model, the path to write to, and the inputs of the model.
"""
import contextlib
import pathlib
import subprocess
import sys

import onnx
from host import serve
from workers import unpack

# Operators to be kept from half precision: those that the kernels need so, and those whose bodies do.
KERNELS = ["RotaryTable"]
BODIES = [*KERNELS, "SinusoidalEmbedding", "AlibiBias", "Attention", "CachedAttention"]


def slim(source, out, inputs):
    import onnxslim

    onnxslim.slim(source, out)


def simplify(source, out, inputs):
    import onnxsim

    model, right = onnxsim.simplify(onnx.load(source))
    if not right:
        raise ValueError("its own check fails")
    onnx.save(model, out)


def script(**options):
    def apply(source, out, inputs):
        from onnxscript import optimizer

        onnx.save(optimizer.optimize(onnx.load(source), **options), out)

    return apply


def infer(source, out, inputs):
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(source)), out)


def infer_symbolic(source, out, inputs):
    from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

    onnx.save(SymbolicShapeInference.infer_shapes(onnx.load(source), auto_merge=True), out)


def inline(source, out, inputs):
    import onnx.inliner

    onnx.save(onnx.inliner.inline_local_functions(onnx.load(source)), out)


def raise_opset(source, out, inputs):
    model = onnx.load(source)
    (opset,) = (entry.version for entry in model.opset_import if entry.domain == "")
    onnx.save(onnx.version_converter.convert_version(model, opset + 1), out)


def half(blocked=(), **options):
    def apply(source, out, inputs):
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

        model = convert_float_to_float16(onnx.load(source), op_block_list=[*DEFAULT_OP_BLOCK_LIST, *blocked], **options)
        onnx.save(model, out)

    return apply


def half_common(source, out, inputs):
    from onnxconverter_common.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), out)


def half_mixed(source, out, inputs):
    from onnxconverter_common.auto_mixed_precision import auto_convert_mixed_precision

    onnx.save(auto_convert_mixed_precision(onnx.load(source), inputs[0], rtol=1e-2, atol=1e-2, keep_io_types=True), out)


class Samples:
    """The inputs of a model, for calibration."""

    def __init__(self, inputs):
        self.rest = iter(inputs)

    def get_next(self):
        return next(self.rest, None)


def dynamic(**options):
    def apply(source, out, inputs):
        from onnxruntime.quantization import quantize_dynamic

        quantize_dynamic(source, out, **options)

    return apply


def prepare(**options):
    def apply(source, out, inputs):
        from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(source, out, **options)

    return apply


def static(name):
    def apply(source, out, inputs):
        from onnxruntime.quantization import QuantFormat, quantize_static

        quantize_static(source, out, Samples(inputs), quant_format=QuantFormat[name])

    return apply


def four_bits(source, out, inputs):
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(out)


def transformers(source, out, inputs):
    from onnxruntime.transformers.optimizer import optimize_model

    optimize_model(source, model_type="bert", num_heads=4, hidden_size=64, opt_level=0).save_model_to_file(out)


def saved(level, library=False):
    def apply(source, out, inputs):
        import os

        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = out
        if library:
            options.register_custom_ops_library(os.environ["PHASOR_OPS_LIB"])
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    return apply


def to_ort(source, out, inputs):
    folder = pathlib.Path(out).with_suffix(".ort-format")
    command = ["-m", "onnxruntime.tools.convert_onnx_models_to_ort", source, "--output_dir", folder, "--optimization_style", "Fixed"]
    done = subprocess.run([str(part) for part in [sys.executable, *command]], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    (written,) = folder.glob("*.ort")
    written.rename(out)


# By the call that each stands for.
TOOLS = {
    "onnxslim.slim": slim,
    "onnxsim.simplify": simplify,
    "onnxscript.optimizer.optimize": script(),
    "onnxscript.optimizer.optimize(inline=False)": script(inline=False),
    "onnx.shape_inference.infer_shapes": infer,
    "SymbolicShapeInference.infer_shapes(auto_merge=True)": infer_symbolic,
    "onnx.inliner.inline_local_functions": inline,
    "onnx.version_converter.convert_version": raise_opset,
    "convert_float_to_float16": half(),
    "convert_float_to_float16(keep_io_types=True)": half(keep_io_types=True),
    "convert_float_to_float16(keep_io_types=True), RotaryTable blocked": half(KERNELS, keep_io_types=True),
    "convert_float_to_float16(keep_io_types=True), four blocked": half(BODIES, keep_io_types=True),
    "onnxconverter_common.float16": half_common,
    "onnxconverter_common.auto_mixed_precision": half_mixed,
    "quant_pre_process": prepare(),
    "quant_pre_process(skip_symbolic_shape=True)": prepare(skip_symbolic_shape=True),
    "quant_pre_process(skip_symbolic_shape=True, skip_optimization=True)": prepare(skip_symbolic_shape=True, skip_optimization=True),
    "quantize_dynamic": dynamic(),
    'quantize_dynamic(op_types_to_quantize=["MatMul"])': dynamic(op_types_to_quantize=["MatMul"]),
    "quantize_static, QDQ": static("QDQ"),
    "quantize_static, QOperator": static("QOperator"),
    "MatMulNBitsQuantizer, 4 bits": four_bits,
    "onnxruntime.transformers.optimizer": transformers,
    "optimized_model_filepath, basic": saved("ORT_ENABLE_BASIC"),
    "optimized_model_filepath, all": saved("ORT_ENABLE_ALL"),
    "optimized_model_filepath, all, with the library": saved("ORT_ENABLE_ALL", True),
    "convert_onnx_models_to_ort": to_ort,
}
# The tool whose results are in ONNX Runtime's own format.
SUFFIXES = {"convert_onnx_models_to_ort": ".ort"}


def answer(job):
    try:
        with contextlib.redirect_stdout(sys.stderr):
            TOOLS[job["tool"]](job["model"], job["out"], [unpack(inputs) for inputs in job["inputs"]])
        if not pathlib.Path(job["out"]).exists():
            raise ValueError("it writes no file")
        return {}
    except Exception as error:
        return {"error": str(error) or type(error).__name__, "stage": "convert"}


if __name__ == "__main__":
    serve(answer)
