"""What the tests share: the models of `models/`, each fused once, and sessions with and without the operator library."""
import json
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnxruntime as ort
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = sorted(folder.parent for folder in (ROOT / "models").glob("*/meta.json"))
PHASOR = os.environ.get("PHASOR_BIN", str(ROOT / "target" / "release" / "phasor"))
LIBRARY = os.environ.get("PHASOR_OPS_LIB", str(ROOT / "target" / "release" / "libphasor_ops.so"))
VERSION = tuple(int(part) for part in ort.__version__.split(".")[:2])
# The newest IR version that a release reads, where it is older than what exporters write.
NEWEST_IR = {(1, 17): 9, (1, 18): 10}


class Fused:
    """A model of `models/` and what `phasor fuse` makes of it."""

    def __init__(self, folder, scratch):
        self.folder = folder
        self.name = folder.name
        self.meta = json.loads((folder / "meta.json").read_text())
        self.original = folder / "model.onnx"
        self.path = scratch / "fused.onnx"
        done = subprocess.run(
            [PHASOR, "fuse", str(self.original), "-o", str(self.path), "--engine", "tract", "--format", "json"],
            capture_output=True, text=True,
        )
        assert done.returncode == 0, done.stderr
        self.report = json.loads(done.stdout)
        self.tolerance = 2e-2 if self.meta["dtype"] == "float16" else 2e-4

    def cases(self):
        """The input sets with the outputs that PyTorch gave for them."""
        for inputs in sorted(self.folder.glob("inputs_*.npz")):
            expected = inputs.with_name(inputs.name.replace("inputs", "expected"))
            yield dict(np.load(inputs)), dict(np.load(expected))


@pytest.fixture(scope="session")
def fused_models(tmp_path_factory):
    """Fuses a model the first time somebody asks for it."""
    made = {}

    def get(folder):
        if folder not in made:
            made[folder] = Fused(folder, tmp_path_factory.mktemp(folder.name))
        return made[folder]

    return get


@pytest.fixture(params=MODELS, ids=lambda folder: folder.name)
def fused(request, fused_models):
    return fused_models(request.param)


@pytest.fixture
def llama(fused_models):
    return fused_models(ROOT / "models" / "llama-dynamo")


def readable(path, tmp_path):
    """The model as this release of ONNX Runtime can read it: exporters write a newer IR version than the oldest release knows."""
    newest = NEWEST_IR.get(VERSION)
    model = onnx.load(str(path))
    if newest is None or model.ir_version <= newest:
        return str(path)
    model.ir_version = newest
    lowered = tmp_path / f"ir{newest}-{pathlib.Path(path).name}"
    onnx.save(model, str(lowered))
    return str(lowered)


def session(path, library=None, threads=1, optimized=None, level=None):
    """A CPU session."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    if level is not None:
        options.graph_optimization_level = level
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    if library:
        options.register_custom_ops_library(library)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session, inputs):
    """The outputs by name."""
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})))


def difference(got, want):
    """Largest difference over all outputs, relative to the scale of each."""
    assert got.keys() == want.keys()
    worst = 0.0
    for name, w in want.items():
        g, w = got[name].astype(np.float64), w.astype(np.float64)
        assert g.shape == w.shape, name
        assert np.isfinite(g).all(), name
        worst = max(worst, float(np.abs(g - w).max(initial=0)) / float(np.abs(w).max(initial=1)))
    return worst


def count(path, op_type=None, domain="ai.phasor"):
    """Nodes of an operator in the main graph; of those that turn one tensor, if none is named."""
    kinds = [op_type] if op_type else ["RotaryEmbedding", "RotaryHeads"]
    return sum(n.op_type in kinds and n.domain == domain for n in onnx.load(str(path)).graph.node)
