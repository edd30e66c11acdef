"""What can be fused, why something is not, and by which rules; what models are made of."""
from __future__ import annotations

import warnings
from collections.abc import Mapping

from . import _arguments, _native
from ._arguments import Budget
from ._models import AnyModel, content
from ._report import made
from .errors import UnverifiedWarning
from .reports import DiffReport, ExplainReport, InspectReport, RulesReport

__all__ = ["diff", "explain", "inspect", "rules"]


def inspect(model: AnyModel, *, dims: Mapping[str, int] | None = None, budget: Budget | None = None) -> InspectReport:
    """Lists every site that is proven and confirmed, and every near miss.

    `model` is a path, bytes or an `onnx.ModelProto`. `dims` gives sizes of symbolic dimensions, for confirming; `budget` limits the
    search, by `steps`, `bytes` and `seconds`.

    Raises `FileError` for a file that cannot be read, `ModelError` for what is no valid model, `ComparisonError` for a size of a
    dimension that the model does not have, and `ArgumentError`. Warns of data files that are missing.
    """
    answer = _native.inspect(content(model), _arguments.search(dims, budget))
    warn(answer.warnings)
    return made(InspectReport, answer)


def explain(
    model: AnyModel, name: str | None = None, *, dims: Mapping[str, int] | None = None, budget: Budget | None = None
) -> ExplainReport:
    """Explains near misses: how far each got, what stopped it, why, and how to fix it.

    With the `name` of a node or a value it tells what is at or nearest to that, fused sites included.

    Raises what `inspect` raises, and `ArgumentError` for a name that the model does not have.
    """
    answer = _native.explain(content(model), name, _arguments.search(dims, budget))
    warn(answer.warnings)
    return made(ExplainReport, answer)


def diff(before: AnyModel, after: AnyModel) -> DiffReport:
    """Compares what two models are made of: operators, nodes, initializers and sizes. `verify` compares what they compute.

    Raises `FileError` for a file that cannot be read, and `ModelError` for what is no valid model.
    """
    return made(DiffReport, _native.diff(content(before), content(after)))


def rules(rule: str | None = None) -> RulesReport:
    """Lists the rules, or describes one.

    Raises `ArgumentError` if there is no such rule.
    """
    return made(RulesReport, _native.rules(rule))


def warn(texts: list[str]) -> None:
    """Warns whoever called the function that calls this."""
    for text in texts:
        warnings.warn(text, UnverifiedWarning, stacklevel=3)
