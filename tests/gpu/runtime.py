"""Sessions of ONNX Runtime on the device, or with `--dry-run` on the CPU, and tensors whose place stays."""
import collections
import ctypes
import functools
import importlib.util
import json
import pathlib
import tempfile

from .outcome import Failure, Skip, check

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
DOMAIN = "ai.phasor"
# Those that others need come first.
LIBRARIES = ["libcudart.so.*", "libnvJitLink.so.*", "libcublasLt.so.*", "libcublas.so.*", "libnvrtc.so.*"]
LIBRARIES += ["libcurand.so.*", "libcufft.so.*", "libcudnn.so.*", "libcudnn_*.so.*"]


def modules(job):
    """onnxruntime and onnx.

    Raises Skip where one is absent, or ONNX Runtime knows no CUDA.
    """
    try:
        import numpy  # noqa: F401
        import onnx
        import onnxruntime as ort
    except ImportError as error:
        raise Skip(f"{error.name} is not installed") from error
    if not job.dry:
        if CUDA not in ort.get_available_providers():
            raise Skip(f"this onnxruntime ({ort.__version__}) has no CUDA provider; install onnxruntime-gpu")
        preload()
    return ort, onnx


@functools.cache
def preload():
    """Loads the libraries of CUDA and cuDNN from the Python packages that hold them, where there are such.

    The loader does not look there, and ONNX Runtime only beside itself.
    """
    packages = importlib.util.find_spec("nvidia")
    for folder in packages.submodule_search_locations if packages else []:
        for name in LIBRARIES:
            for path in sorted(pathlib.Path(folder).glob(f"*/lib/{name}")):
                try:
                    ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
                except OSError as error:
                    print(f"`{path}` cannot be loaded: {error}", flush=True)


def session(job, model, library=True, host=False, device=None, profile=None, **cuda):
    """A session of a model, a path or a `ModelProto`: on the device, or with `host` on the CPU. Options in `cuda` are its provider's."""
    ort, _ = modules(job)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if library:
        options.register_custom_ops_library(job.need("library"))
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    source = model if isinstance(model, (str, pathlib.Path)) else model.SerializeToString()
    source = str(source) if isinstance(source, pathlib.Path) else source
    if host or job.dry:
        return ort.InferenceSession(source, options, providers=[CPU])
    # In TF32, products of f32 have eleven bits.
    settings = {"device_id": str(job.device if device is None else device), "use_tf32": "0", **cuda}
    made = ort.InferenceSession(source, options, providers=[(CUDA, settings), CPU])
    made.disable_fallback()
    check(made.get_providers()[0] == CUDA, "ONNX Runtime cannot use its CUDA provider; does it find the libraries of CUDA and cuDNN?")
    return made


def placed(job, model, inputs):
    """Runs a fused model on each set of inputs; its outputs by name, for each, and how many of Phasor's nodes ran, by operator.

    Raises Failure where some of them ran elsewhere than on the device, or not at all.
    """
    _, onnx = modules(job)
    proto = onnx.load(str(model), load_external_data=False) if isinstance(model, (str, pathlib.Path)) else model
    wanted = {node.name for node in nodes(proto.graph) if node.domain == DOMAIN}
    kinds = {node.op_type for node in nodes(proto.graph) if node.domain == DOMAIN}
    with tempfile.TemporaryDirectory() as folder:
        made = session(job, model, profile=pathlib.Path(folder) / "profile")
        outputs = [run(made, feeds) for feeds in inputs]
        events = json.loads(pathlib.Path(made.end_profiling()).read_text())
    ran = {}
    for event in events:
        arguments = event.get("args", {})
        if event.get("cat") == "Node" and arguments.get("op_name") in kinds:
            name = event["name"].removesuffix("_kernel_time")
            if name in wanted:
                ran[name] = (arguments["op_name"], arguments["provider"])
    there = CPU if job.dry else CUDA
    lost = sorted(wanted - ran.keys())
    elsewhere = sorted(name for name, (_, provider) in ran.items() if provider != there)
    check(not lost, f"{len(lost)} fused nodes did not run as such: {', '.join(lost[:3])}")
    check(not elsewhere, f"{len(elsewhere)} fused nodes did not run on {there}: {', '.join(elsewhere[:3])}")
    return outputs, collections.Counter(operator for operator, _ in ran.values())


def nodes(graph):
    """All nodes, those of subgraphs included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from nodes(inner)


def run(made, feeds):
    """The outputs by name; feeds that the session does not want are left out."""
    names = [output.name for output in made.get_outputs()]
    return dict(zip(names, made.run(None, {i.name: feeds[i.name] for i in made.get_inputs()})))


def difference(got, want):
    """The largest difference over all outputs, as a part of the scale of each, which is at least one."""
    import numpy as np

    worst = 0.0
    for name, expected in want.items():
        g, w = np.asarray(got[name]).astype(np.float64), np.asarray(expected).astype(np.float64)
        if g.shape != w.shape:
            raise Failure(f"`{name}` is {list(g.shape)}, expected {list(w.shape)}")
        finite = np.isfinite(w)
        if not np.array_equal(finite, np.isfinite(g)):
            return float("inf")
        if finite.any():
            worst = max(worst, float(np.abs(g[finite] - w[finite]).max() / max(1.0, np.abs(w[finite]).max())))
    return worst


class Bound:
    """A session whose inputs and outputs keep their places in the memory of its device, as captured graphs need them."""

    def __init__(self, job, made, feeds, results):
        """`results` are arrays with the types and shapes of the outputs, by name."""
        ort, _ = modules(job)
        place, device = ("cpu", 0) if job.dry else ("cuda", job.device)
        self.session, self.binding = made, made.io_binding()
        self.inputs = {i.name: ort.OrtValue.ortvalue_from_numpy(feeds[i.name], place, device) for i in made.get_inputs()}
        self.outputs = {
            name: ort.OrtValue.ortvalue_from_shape_and_type(array.shape, array.dtype.type, place, device) for name, array in results.items()
        }
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for name, value in self.outputs.items():
            self.binding.bind_ortvalue_output(name, value)

    def write(self, feeds):
        for name, value in self.inputs.items():
            value.update_inplace(feeds[name])

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def read(self, names=None):
        """The outputs, or those of these names."""
        self.binding.synchronize_outputs()
        return {name: self.outputs[name].numpy().copy() for name in names or self.outputs}
