"""Makes objects of JSON, by the types of their fields."""
from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def read(cls: Callable[..., T], data: Mapping[str, Any], **more: Any) -> T:
    """An object of a dataclass. What it has no field for is left out, as reports may grow."""
    fields = _fields(cls)
    values = {name: _value(kind, data[name]) for name, kind in fields.items() if name in data}
    return cls(**values, **more)


@functools.cache
def _fields(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if not field.name.startswith("_")}


def _value(kind: Any, data: Any) -> Any:
    if data is None:
        return None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _value(_member([part for part in arguments if part is not type(None)], data), data)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in data)
    if dataclasses.is_dataclass(kind):
        return read(typing.cast(Any, kind), data)
    return float(data) if kind is float else data


def _member(kinds: list[Any], data: Any) -> Any:
    """Of several kinds, the one whose `family` is that of the data."""
    if len(kinds) == 1 or not isinstance(data, Mapping):
        return kinds[0]
    return next(kind for kind in kinds if data["family"] in typing.get_args(_fields(kind)["family"]))
