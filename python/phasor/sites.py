"""Types of sites, as `docs/json.md` describes them. Written by `python/generate_reports.py` from `docs/report.schema.json`."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

__all__ = [
    "AlibiSite",
    "AngleTable",
    "AnySite",
    "AttentionSite",
    "AttentionSiteMask",
    "Lut",
    "Placed",
    "Positions",
    "Product",
    "RelativeBiasSite",
    "RelativeGatherSite",
    "RotarySite",
    "SinusoidalSite",
    "SinusoidalTable",
    "Site",
    "Table",
]


@dataclass(frozen=True, kw_only=True)
class AnySite:
    """One position encoding."""

    rule: Literal["rotary", "rotary-table", "relative-bias", "relative-gather", "alibi", "sinusoidal", "sinusoidal-table", "attention", "rotary-batch", "functions"]
    """Identifier of a rule."""
    node: str
    """Node that produces `y`."""
    y: str
    """The encoded tensor."""
    shape: str
    """Symbolic shape of `y`."""
    dtype: Literal["float", "float16", "bfloat16", "double"]
    """Element type of `y`."""
    proof: Literal["rotation", "linear", "exact", "reassociated", "formula"]
    """What is proven of the site."""
    assumes_finite: bool
    """Whether the proof holds for finite inputs alone."""
    max_diff: float
    """Largest difference from the reference."""
    probes: int
    """Number of confirmation runs."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A value of the graph as a site reads it."""

    value: str
    """Name of the value."""
    unsqueeze: tuple[int, ...]
    """Axes to insert before it broadcasts against `x`."""


@dataclass(frozen=True, kw_only=True)
class AngleTable:
    """Positions and frequencies of the angles, or None."""

    table: int
    """Number that sites with the same table share."""
    positions: str
    """Value that holds the positions."""
    axis: int | None
    """Axis of the coordinate streams, or None for a single stream."""
    frequencies: str | None
    """Value that holds the frequencies, or None for constants."""


@dataclass(frozen=True, kw_only=True)
class RotarySite(AnySite):
    """What a rotary embedding adds to a site."""

    family: Literal["rotary"]
    """Family of the position encoding."""
    x: str
    """Tensor that is rotated."""
    cos: Table
    """The cosines."""
    sin: Table
    """The sines."""
    pairing: Literal["half", "interleaved"]
    """Layout of the pairs in `x`."""
    output_pairing: Literal["half", "interleaved"]
    """Layout of the pairs in `y`."""
    rotary_dim: int
    """Number of rotated channels."""
    rotary_offset: int
    """First rotated channel."""
    head_dim: int
    """Size of the last axis of `x`."""
    inverse: bool
    """Whether the rotation is by the negated angle."""
    table_dtype: Literal["float", "float16", "bfloat16", "double"]
    """Element type of the tables."""
    angles: Literal["computed", "table", "given"]
    """Where the angles come from."""
    angle_table: AngleTable | None
    """Positions and frequencies of the angles, or None."""
    amplitude: float
    """Constant factor of the cosines and sines."""


@dataclass(frozen=True, kw_only=True)
class Lut:
    """Row or column of each distance."""

    reach: int | None
    """Farthest distance with an entry of its own, or None for all in order."""
    buckets: int | None
    """Number of different entries, or None for all in order."""


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Source of positions."""

    value: str | None
    """Value that holds them, or along which they are counted, or None for constants."""
    axis: int | None
    """Axis along which they are counted, or None."""


@dataclass(frozen=True, kw_only=True)
class RelativeBiasSite(AnySite):
    """What a bias that is read from a table by distance adds to a site."""

    family: Literal["relative-bias"]
    """Family of the position encoding."""
    table: str
    """Table that is read."""
    heads: int
    """Number of its columns."""
    lut: Lut
    """Row of each distance."""
    query: Positions
    """Positions of queries."""
    key: Positions
    """Positions of keys."""
    layout: tuple[Literal["unit", "batch", "head", "query", "key"], ...]
    """What lies along the axes of `y`."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """Products of vectors with rows of a table that scores are, or None for a tensor of the graph."""

    x: str
    """Vectors."""
    table: str
    """Table of rows."""
    first: int | None
    """First row that is multiplied, or None for all or those around `middle`."""
    rows: int | None
    """Number of rows that are multiplied, or None likewise."""
    middle: int | None
    """Row of distance 0, around which others are multiplied, or None."""


@dataclass(frozen=True, kw_only=True)
class RelativeGatherSite(AnySite):
    """What scores that are gathered by distance add to a site."""

    family: Literal["relative-gather"]
    """Family of the position encoding."""
    scores: str | None
    """Scores that are gathered from, or None for a product."""
    product: Product | None
    """Products of vectors with rows of a table that scores are, or None for a tensor of the graph."""
    lut: Lut
    """Column of each distance."""
    query: Positions
    """Positions of queries."""
    key: Positions
    """Positions of keys."""
    by_key: bool
    """Whether a row of the scores is that of a key."""


@dataclass(frozen=True, kw_only=True)
class AlibiSite(AnySite):
    """What a bias that is linear in the distance adds to a site."""

    family: Literal["alibi"]
    """Family of the position encoding."""
    slopes: str
    """Slopes of the heads."""
    heads: int
    """Number of slopes."""
    negated: bool
    """Whether the slopes are negated."""
    absolute: bool
    """Whether distances are taken without their sign."""
    query: Positions
    """Positions of queries."""
    key: Positions
    """Positions of keys."""
    layout: tuple[Literal["unit", "batch", "head", "query", "key"], ...]
    """What lies along the axes of `y`."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Positions as a site reads them."""

    value: str | None
    """Name of the value, or None for the rows of a table in order."""
    counted: int | None
    """Axis of it along which positions are counted, or None for its elements."""
    wrapped: int | None
    """Number that is added to positions below 0, or None."""
    squeeze: tuple[int, ...]
    """Axes of size 1 to remove first."""
    unsqueeze: tuple[int, ...]
    """Axes to insert then."""


@dataclass(frozen=True, kw_only=True)
class SinusoidalTable:
    """Table of sinusoids that rows are looked up in, or None."""

    value: str
    """The constant."""
    rows: int
    """Number of its rows."""
    padding: int | None
    """Row of zeros, or None."""
    dtype: Literal["float", "double"]
    """Element type that the operator computes in."""
    difference: float
    """Largest difference of an element from what the operator computes."""


@dataclass(frozen=True, kw_only=True)
class SinusoidalSite(AnySite):
    """What a sinusoidal embedding adds to a site."""

    family: Literal["sinusoidal"]
    """Family of the position encoding."""
    positions: Placed
    """The positions."""
    frequencies: str | None
    """Value that holds the frequencies, or None for numbers."""
    count: int
    """Number of frequencies."""
    layout: Literal["half", "interleaved"]
    """How far apart sine and cosine of a frequency are."""
    cos_first: bool
    """Whether the cosine comes first."""
    width: int
    """Number of channels."""
    amplitude: float
    """Constant factor of the cosines and sines."""
    divided: bool
    """Whether the graph divides positions, so that some angles are rounded differently."""
    table: SinusoidalTable | None
    """Table of sinusoids that rows are looked up in, or None."""


@dataclass(frozen=True, kw_only=True)
class AttentionSiteMask:
    """Which scores count, or None for all."""

    value: str
    """Value that is true where a score counts."""
    fill: str
    """Number in place of the others, as text."""


@dataclass(frozen=True, kw_only=True)
class AttentionSite(AnySite):
    """What attention adds to a site."""

    family: Literal["attention"]
    """Family of the site."""
    q: str
    """Value that holds queries."""
    k: str
    """Value that holds keys."""
    v: str
    """Value that holds values."""
    group: int
    """How many heads of queries share a head of keys."""
    scale: float
    """Factor of the product of query and key."""
    softcap: float | None
    """Bound of the scores, or None."""
    bias: str | None
    """Value that is added to the scores, or None."""
    mask: AttentionSiteMask | None
    """Which scores count, or None for all."""
    zero_nan_rows: bool
    """Whether probabilities that are not a number count as 0."""
    causal: bool
    """Whether keys behind the query are proven to be hidden from it."""
    window_left: int | None
    """Farthest key before the query that may count, or None for all."""
    window_right: int | None
    """Farthest key behind the query that may count, or None for all."""


Site = Union[RotarySite, RelativeBiasSite, RelativeGatherSite, AlibiSite, SinusoidalSite, AttentionSite]
