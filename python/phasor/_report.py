"""What all reports have in common: they print as the command's own table, and know their JSON."""
from __future__ import annotations

import dataclasses
import json
from typing import Any, Generic, TypeVar

from . import _html, _native
from ._read import read

T = TypeVar("T", bound="Report")
Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """A report. `str()` gives the table that the command prints, `to_dict()` what it prints as JSON."""

    _answer: _native.Answer = dataclasses.field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The report as in `docs/report.schema.json`."""
        data: dict[str, Any] = json.loads(self._answer.json)
        return data

    def __str__(self) -> str:
        return self._answer.text.rstrip("\n")

    def _repr_html_(self) -> str:
        return _html.page(self._answer.painted)

    def __reduce__(self) -> tuple[Any, ...]:
        answer = self._answer
        return _restore, (type(self), answer.json, answer.painted, answer.warnings, answer.hint, self._kept())

    def _kept(self) -> dict[str, Any]:
        return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewrite(Report, Generic[Model]):
    """A report on a new model."""

    result: Model = dataclasses.field(repr=False, compare=False)
    """The new model, of the kind that was given: a `ModelProto`, or bytes; None if it was written to a file."""

    def _kept(self) -> dict[str, Any]:
        return {"result": self.result}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page(Report):
    """A report on a page."""

    html: str = dataclasses.field(repr=False, compare=False)
    """The page, HTML that needs nothing else."""

    def _kept(self) -> dict[str, Any]:
        return {"html": self.html}


def made(cls: type[T], answer: _native.Answer, **more: Any) -> T:
    """The report that a command has answered with."""
    return read(cls, json.loads(answer.json), _answer=answer, **more)


def _restore(cls: type[T], json: str, painted: str, warnings: list[str], hint: str | None, kept: dict[str, Any]) -> T:
    return made(cls, _native.Answer(json, painted, warnings, hint), **kept)
