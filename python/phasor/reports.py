"""Types of reports, as `docs/json.md` describes them. Written by `python/generate_reports.py` from `docs/report.schema.json`."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Union

from ._report import Model, Page, Report, Rewrite
from .sites import Site

__all__ = [
    "BenchReport",
    "Case",
    "Comparison",
    "Content",
    "Cuda",
    "Device",
    "DiffReport",
    "DoctorReport",
    "ExistingOperator",
    "ExpandedOperator",
    "ExplainReport",
    "Focus",
    "Found",
    "FuseReport",
    "InspectReport",
    "Lost",
    "ModelSummary",
    "Noise",
    "OperatorCount",
    "OperatorTime",
    "Output",
    "PageReport",
    "PartTime",
    "Refusal",
    "Retargeted",
    "Rule",
    "RuleSummary",
    "RulesReport",
    "Run",
    "Snippet",
    "Tool",
    "UnfuseReport",
    "Variant",
    "Verification",
    "VerifyReport",
    "Written",
]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """The program that wrote the report."""

    name: Literal["phasor"]
    """Name of the program."""
    version: str
    """Version of the program."""


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """The model that was read."""

    path: str
    """Path of the file."""
    opset: int
    """Version of the default operator set."""
    nodes: int
    """Number of nodes."""
    bytes: int
    """Size of the file without external data."""


@dataclass(frozen=True, kw_only=True)
class RuleSummary:
    """The effect of one rule."""

    rule: Literal["rotary", "rotary-table", "relative-bias", "relative-gather", "alibi", "sinusoidal", "sinusoidal-table", "attention", "rotary-batch", "functions"]
    """Identifier of a rule."""
    sites: int
    """Number of sites of the rule."""
    removed: int
    """Number of nodes that the rule alone removes."""
    added: int
    """Number of nodes that the rule alone adds."""
    proofs: tuple[Literal["rotation", "rotation of finite x", "linear", "linear of finite x", "exact", "reassociated", "reassociated of finite x", "formula", "broadcast", "definition"], ...]
    """What is proven of the sites, each once."""
    max_diff: float
    """Largest difference from the reference over all sites."""
    probes: int
    """Number of confirmation runs over all sites."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """First value that the analysis could not follow, or None."""

    node: str
    """Node that computes the value."""
    operator: str
    """Operator of that node."""
    value: str
    """Name of the value."""
    reason: str
    """Why the analysis stopped there."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A place that was left alone."""

    rule: Literal["rotary", "rotary-table", "relative-bias", "relative-gather", "alibi", "sinusoidal", "sinusoidal-table", "attention", "search"]
    """Rule that came near, or `search` for the search itself."""
    stage: Literal["search", "angles", "pairs", "distance", "lut", "positions", "proof", "tables", "probabilities", "scores", "mask", "operands", "confirmation", "target"]
    """Stage of a rule."""
    node: str
    """Node at which it ends."""
    value: str
    """Value at which it ends."""
    reason: str
    """Condition that failed."""
    hint: str | None
    """Remedy, or None."""
    lost: Lost | None
    """First value that the analysis could not follow, or None."""


@dataclass(frozen=True, kw_only=True)
class Retargeted:
    """Nodes of one operator whose rotations are rewritten to the target, or are not for one reason."""

    operator: str
    """The operator, with its domain."""
    nodes: int
    """How many nodes there are."""
    left: str | None
    """Why they stay as they are."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far the first model's output moves by itself, or None."""

    relative: float | None
    """Largest relative move, or None for infinity."""
    rms: float | None
    """Root of the mean square of the relative moves, or None for infinity."""
    runs: int
    """Number of runs that were measured."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output compared with the first model's."""

    name: str
    """Name of the output."""
    dtype: Literal["float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2", "float6e2m3", "float6e3m2"]
    """ONNX name of an element type."""
    shape: tuple[int, ...]
    """Shape of the output."""
    absolute: float | None
    """Largest absolute difference, or None for infinity."""
    relative: float | None
    """Largest relative difference, or None for infinity."""
    rms: float | None
    """Root of the mean square of the relative differences, or None for infinity."""
    tolerance: float
    """Limit for `relative`."""
    noise: Noise | None
    """How far the first model's output moves by itself, or None."""
    mismatch: str | None
    """Why the outputs cannot be compared, or None."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the second model."""

    how: Literal["plain", "library"]
    """What computed the fused operators."""
    error: str | None
    """Why the run failed, or None."""
    outputs: tuple[Output, ...]
    """The outputs of the run."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One set of inputs."""

    inputs: str
    """Name of the set."""
    dims: Mapping[str, int]
    """Sizes of the symbolic dimensions."""
    runs: tuple[Run, ...]
    """The second model's runs."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Comparison of the old model with the new one."""

    status: Literal["not-needed", "left-out", "done"]
    """There was nothing to compare, or `--no-verify` was given."""
    engine: str | None = None
    """Engine that ran the models, or None."""
    operators: str | None = None
    """Operator library that was registered, or None."""
    warnings: tuple[str, ...] | None = None
    """Engines or libraries that an environment variable names but that cannot be used."""
    notes: tuple[str, ...] | None = None
    """Engines that were passed over and checks that were left out."""
    cases: tuple[Case, ...] | None = None
    """The sets of inputs."""
    verdict: Literal["same", "different", "not-verified"] | None = None
    """The models agree."""
    why: str | None = None
    """Reason for the verdict."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Files that were written, or None."""

    path: str
    """Path of the model."""
    bytes: int
    """Size of the model's file."""
    data_files: tuple[str, ...]
    """Data files that were placed beside the model."""
    absent: tuple[str, ...]
    """Data files that could not be brought along, with the reason."""


@dataclass(frozen=True, kw_only=True)
class FuseReport(Rewrite[Model]):
    """Output of `phasor fuse`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    verdict: Literal["fused", "nothing-to-fuse", "would-fuse", "differs", "not-verified"]
    """How the command ended."""
    model: ModelSummary
    """The model that was read."""
    nodes_after: int
    """Number of nodes after fusing, counted as in `model`."""
    opset_after: int
    """Version of the default operator set after fusing."""
    rules: tuple[RuleSummary, ...]
    """The rules that have sites."""
    sites: tuple[Site, ...]
    """The sites that are fused."""
    refusals: tuple[Refusal, ...]
    """The near misses."""
    gave_up: tuple[Refusal, ...]
    """The places where the search ran out of budget."""
    retargeted: tuple[Retargeted, ...]
    """Operators of the model whose rotations were to be rewritten to the target."""
    unsupported: tuple[Refusal, ...]
    """The confirmed sites that the target cannot express."""
    verification: Verification
    """Comparison of the old model with the new one."""
    written: Written | None
    """Files that were written, or None."""
    seconds: float
    """Time that the command took, in seconds."""


@dataclass(frozen=True, kw_only=True)
class ExpandedOperator:
    """One operator that was expanded."""

    operator: str
    """Name of the operator."""
    nodes: int
    """Number of its nodes."""
    definition: Literal["model", "contract"]
    """Source of the operator's definition."""


@dataclass(frozen=True, kw_only=True)
class UnfuseReport(Rewrite[Model]):
    """Output of `phasor unfuse`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    verdict: Literal["unfused", "nothing-to-unfuse", "differs", "not-verified"]
    """How the command ended."""
    model: ModelSummary
    """The model that was read."""
    nodes_after: int
    """Number of nodes after expanding, counted as in `model`."""
    operators: tuple[ExpandedOperator, ...]
    """The operators that are expanded."""
    verification: Verification
    """Comparison of the old model with the new one."""
    written: Written | None
    """Files that were written, or None."""
    seconds: float
    """Time that the command took, in seconds."""


@dataclass(frozen=True, kw_only=True)
class ExistingOperator:
    """Nodes of one operator, of which the same can be said."""

    operator: str
    """The operator, with its domain."""
    nodes: int
    """How many nodes there are."""
    first: str
    """The first of them."""
    remark: str | None
    """What a user should know of them."""


@dataclass(frozen=True, kw_only=True)
class InspectReport(Report):
    """Output of `phasor inspect`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    model: ModelSummary
    """The model that was read."""
    sites: tuple[Site, ...]
    """The confirmed sites."""
    refusals: tuple[Refusal, ...]
    """The near misses."""
    gave_up: tuple[Refusal, ...]
    """The places where the search ran out of budget."""
    existing: tuple[ExistingOperator, ...]
    """Operators for encodings and attention that the model has already."""


@dataclass(frozen=True, kw_only=True)
class Focus:
    """Place that was asked for with `--site`, or None."""

    name: str
    """Name of the node or value."""
    distance: int | None
    """Nodes between that place and what is listed, or None for nothing near."""


@dataclass(frozen=True, kw_only=True)
class ExplainReport(Report):
    """Output of `phasor explain`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    model: ModelSummary
    """The model that was read."""
    focus: Focus | None
    """Place that was asked for with `--site`, or None."""
    sites: tuple[Site, ...]
    """The confirmed sites."""
    refusals: tuple[Refusal, ...]
    """The near misses."""
    gave_up: tuple[Refusal, ...]
    """The places where the search ran out of budget."""
    existing: tuple[ExistingOperator, ...]
    """Operators for encodings and attention that the model has already."""
    unread: tuple[ExistingOperator, ...]
    """Operators of which nothing is known: what they compute may be an encoding."""


@dataclass(frozen=True, kw_only=True)
class VerifyReport(Report):
    """Output of `phasor verify`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    reference: str
    """Path of the model that is taken to be right."""
    model: str
    """Path of the model that is compared with it."""
    engine: str | None
    """Engine that ran the models, or None."""
    operators: str | None
    """Operator library that was registered, or None."""
    warnings: tuple[str, ...]
    """Engines or libraries that an environment variable names but that cannot be used."""
    notes: tuple[str, ...]
    """Engines that were passed over and checks that were left out."""
    cases: tuple[Case, ...]
    """The sets of inputs."""
    verdict: Literal["same", "different", "not-verified"]
    """The models agree."""
    why: str | None = None
    """Reason for the verdict."""


@dataclass(frozen=True, kw_only=True)
class PageReport(Page):
    """Output of `phasor report`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    model: ModelSummary
    """The model that was read."""
    fused: str | None
    """Path of the fused model that was given; None where it was made in memory."""
    sites: int
    """Number of sites."""
    forms: int
    """Number of forms that the sites have: those of equal form share a drawing."""
    refusals: int
    """Number of near misses."""
    verification: Verification
    """Comparison of the old model with the new one."""
    path: str | None
    """The file with the page; None where it is given back."""
    bytes: int
    """Size of the page."""
    seconds: float
    """Time that the command took, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule."""

    id: Literal["rotary", "rotary-table", "relative-bias", "relative-gather", "alibi", "sinusoidal", "sinusoidal-table", "attention", "rotary-batch", "functions"]
    """Identifier of a rule."""
    summary: str
    """The rule in one line."""
    matches: str
    """Part of a graph that the rule matches."""
    rewrites_to: str
    """What replaces it."""
    conditions: tuple[str, ...]
    """Conditions that must all hold."""
    numerics: str
    """How the numbers relate to those of the original."""
    stages: tuple[Literal["search", "angles", "pairs", "distance", "lut", "positions", "proof", "tables", "probabilities", "scores", "mask", "operands", "confirmation", "target"], ...]
    """Stages that a site passes, in order."""


@dataclass(frozen=True, kw_only=True)
class RulesReport(Report):
    """Output of `phasor rules`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    rules: tuple[Rule, ...]
    """All rules, or the one that was named."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model, and how it runs."""

    model: str
    """Path of the model."""
    library: str | None
    """Path of the operator library that was registered."""
    milliseconds: float
    """Median of all its runs."""
    ratio: float
    """How many times as fast as the original it runs in the same turn: median of the rounds."""
    interval: tuple[float, ...]
    """Two numbers between which the true median lies in 95 of 100 measurements; with less than six rounds, the extremes."""
    memory: int | None
    """Bytes that a process takes to load and run it, where that was measured."""


@dataclass(frozen=True, kw_only=True)
class PartTime:
    """What nodes of a part take in one run."""

    part: Literal["rotary", "relative", "sinusoidal", "attention", "weights", "rest"]
    """What the nodes are part of."""
    before: float
    """Microseconds in the original."""
    after: float
    """Microseconds in the last variant."""


@dataclass(frozen=True, kw_only=True)
class OperatorTime:
    """What nodes of an operator take in one run."""

    operator: str
    """The operator, as ONNX Runtime runs it."""
    before: float
    """Microseconds in the original."""
    after: float
    """Microseconds in the last variant."""


@dataclass(frozen=True, kw_only=True)
class BenchReport(Report):
    """Output of `phasor bench`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    engine: str
    """ONNX Runtime and its release."""
    threads: int
    """Threads for one operator, 0 where ONNX Runtime chose."""
    time: Literal["processor", "clock"]
    """Whose time was taken."""
    sizes: Mapping[str, int]
    """Sizes of the symbolic dimensions."""
    rounds: int
    """Rounds, in each of which all sessions were made anew."""
    runs: int
    """Runs of each variant, in all rounds."""
    variants: tuple[Variant, ...]
    """The original first, and second the original once more."""
    parts: tuple[PartTime, ...]
    """Times of nodes by what they are part of."""
    operators: tuple[OperatorTime, ...]
    """Times of nodes by operator, the longest first."""
    notes: tuple[str, ...]
    """What was left out, and why."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a model is made of."""

    path: str
    """Path of the file."""
    opset: int
    """Version of the default operator set."""
    nodes: int
    """Number of nodes."""
    bytes: int
    """Size of the file without external data."""
    functions: int
    """Number of functions."""
    initializers: int
    """Number of initializers of the main graph."""
    initializer_bytes: int
    """Bytes of their elements, without strings."""


@dataclass(frozen=True, kw_only=True)
class OperatorCount:
    """How often an operator occurs."""

    operator: str
    """The operator, with its domain where that is not ONNX's own."""
    before: int
    """Nodes of the first model."""
    after: int
    """Nodes of the second model."""


@dataclass(frozen=True, kw_only=True)
class DiffReport(Report):
    """Output of `phasor diff`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    before: Content
    """What a model is made of."""
    after: Content
    """What a model is made of."""
    operators: tuple[OperatorCount, ...]
    """Operators of either model, those whose numbers differ most first."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A library that was looked for."""

    path: str | None
    """Its file."""
    origin: str | None
    """How it was found."""
    version: str | None
    """Its release, of ONNX Runtime alone."""
    problem: str | None
    """Why it cannot be used, or where it was looked for in vain."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device of CUDA."""

    name: str
    """Its name."""
    capability: str
    """Its compute capability."""


@dataclass(frozen=True, kw_only=True)
class Cuda:
    """The driver of CUDA and its devices."""

    version: str | None
    """The newest version of CUDA that the driver supports."""
    devices: tuple[Device, ...]
    """The devices."""
    lacking: tuple[str, ...]
    """Operators without a kernel for it: with the library, a session on a device runs them on the CPU."""
    problem: str | None
    """Why there is none."""


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """How a host is told of the operator library."""

    host: str
    """The host."""
    text: str
    """Code or configuration, with the library's path."""


@dataclass(frozen=True, kw_only=True)
class DoctorReport(Report):
    """Output of `phasor doctor`."""

    schema: Literal[1]
    """Version of the layout."""
    tool: Tool
    """The program that wrote the report."""
    sound: bool
    """Whether the operator library was found, ONNX Runtime does not refuse it, and what the user names can be used."""
    features: tuple[Literal["ort", "tract"], ...]
    """Parts that were compiled in."""
    system: str
    """The system that it was compiled for."""
    onnxruntime: Found
    """A library that was looked for."""
    operators: Found
    """A library that was looked for."""
    registers: bool | None
    """Whether ONNX Runtime registers the operator library; None where one of them is missing."""
    instruction_sets: tuple[str, ...]
    """Instruction sets that the kernels may use, the chosen one last."""
    cuda: Cuda
    """The driver of CUDA and its devices."""
    engines: tuple[str, ...]
    """What compares models, in the order in which it is tried."""
    snippets: tuple[Snippet, ...]
    """How hosts are told of the operator library."""


Comparison = Union[VerifyReport, Verification]
