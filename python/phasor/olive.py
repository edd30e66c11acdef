"""A pass of Olive that fuses ONNX models.

    import olive
    import phasor.olive

    olive.run("config.json", package_config=phasor.olive.package_config())

`python -m phasor.olive` prints the same package configuration, for `olive run --package-config`.
"""
from __future__ import annotations

import inspect
import json
import logging
import pathlib
from typing import Any

from olive.model import ONNXModelHandler
from olive.model.utils import resolve_onnx_path
from olive.package_config import OlivePackageConfig
from olive.passes import Pass
from olive.passes.pass_config import PassConfigParam

from ._rewrite import fuse
from .errors import ArgumentError

__all__ = ["PhasorFusion", "package_config"]

_logger = logging.getLogger(__name__)
# Types as JSON has them, and what the parameter is for. The defaults are those of `phasor.fuse`.
_PARAMETERS: dict[str, tuple[Any, str]] = {
    "target": (str, "operator set to rewrite to: `phasor`, `contrib` or `onnx`"),
    "plain": (list[str], "rules whose finds are written as standard nodes, or `all`"),
    "accept": (list[str], "results that may differ: `hidden-rows`"),
    "retarget": (list[str], "operators of the model whose rotations are rewritten as well"),
    "select": (list[str], "the only rules to apply"),
    "ignore": (list[str], "rules not to apply"),
    "precise_angles": (bool, "compute angles exactly at any position"),
    "tables_to_compute": (bool, "compute the rows of sinusoidal tables"),
    "pairs": (bool, "rotate queries and keys of a layer in one node"),
    "verify": (bool, "compare the new model with the original"),
    "require_verified": (bool, "fail unless the models were compared and agree"),
    "dims": (dict[str, int], "sizes of symbolic dimensions"),
    "seeds": (int, "number of random sets of inputs"),
    "tolerance": (float, "largest difference allowed, relative to the output's scale"),
    "engine": (str, "engine that runs the models: `auto`, `ort` or `tract`"),
    "custom_ops": (list[str], "paths of other operator libraries that the model needs"),
    "time_limit": (int, "seconds that running the models may take"),
    "budget": (dict[str, int], "limits of the search: `steps`, `bytes`, `seconds`"),
}


class PhasorFusion(Pass):
    """Replaces position encodings of an ONNX model, and its attention, by native operators, and compares the result with the original.

    The parameters are the options of `phasor.fuse` of the same names. The pass raises what that function raises, and writes no model then.
    """

    @classmethod
    def _default_config(cls, accelerator_spec: Any) -> dict[str, PassConfigParam]:
        given = inspect.signature(fuse).parameters
        return {
            # JSON has no tuples.
            name: PassConfigParam(type_=kind, default_value=[] if given[name].default == () else given[name].default, description=text)
            for name, (kind, text) in _PARAMETERS.items()
        }

    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> ONNXModelHandler:
        if not isinstance(model, ONNXModelHandler):
            raise ArgumentError(
                f"`PhasorFusion` takes ONNX models, and this is a `{type(model).__name__}`",
                "put a pass that exports it before this one, such as `OnnxConversion`",
            )
        output = pathlib.Path(resolve_onnx_path(output_model_path, pathlib.Path(model.model_path).name))
        options = {name: getattr(config, name) for name in _PARAMETERS}
        # Olive empties no folder of a run that was broken off.
        report = fuse(model.model_path, output, force=True, **options)
        _logger.info("%s", report)
        alone = report.written is None or not report.written.data_files
        return ONNXModelHandler(
            model_path=str(output if alone else output.parent),
            onnx_file_name=None if alone else output.name,
            inference_settings=model.inference_settings,
            use_ort_extensions=model.use_ort_extensions,
        )


def package_config() -> dict[str, Any]:
    """Olive's own package configuration, with `PhasorFusion` among the passes: Olive finds passes by name in nothing else."""
    config: dict[str, Any] = json.loads(pathlib.Path(OlivePackageConfig.get_default_config_path()).read_text(encoding="utf-8"))
    everything = {f"supported_{what}": ["*"] for what in ("providers", "accelerators", "precisions")}
    config["passes"]["PhasorFusion"] = {"module_path": f"phasor.olive.{PhasorFusion.__name__}", **everything}
    return config


if __name__ == "__main__":
    print(json.dumps(package_config(), indent=2))
