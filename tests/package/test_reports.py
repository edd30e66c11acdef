"""Reports are what the command line prints: as objects, as text, as JSON and in notebooks."""
import dataclasses
import html
import json
import pickle
import re
import subprocess
import sys

import jsonschema
import onnx
import pytest

import phasor
from phasor._read import _value as _read
from phasor.sites import Site
from conftest import ROOT

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())


def reports(model):
    """One of each kind, and some of other outcomes."""
    fused = phasor.fuse(model)
    yield from (fused, phasor.fuse(model, check=True), phasor.fuse(model, verify=False))
    yield from (phasor.unfuse(fused.result), phasor.inspect(model), phasor.inspect(fused.result))
    yield from (phasor.explain(model), phasor.explain(model, "add_191"), phasor.verify(model, fused.result))
    yield from (phasor.rules(), phasor.rules("alibi"), phasor.diff(model, fused.result), phasor.doctor())
    yield from (phasor.report(model), phasor.report(model, fused.result, verify=False))
    yield from map(phasor.inspect, sorted((ROOT / "models").glob("*/*.onnx")))
    yield phasor.bench(model, model, dims={"batch": 1}, rounds=1, seconds=0)
    with pytest.raises(phasor.Differs) as caught:
        phasor.fuse(model, tolerance=0)
    yield caught.value.report


def same(value, data):
    """Whether an object has every field of the JSON, and nothing else."""
    if dataclasses.is_dataclass(value):
        own = {field.name for field in dataclasses.fields(value) if not field.name.startswith("_")} - {"result", "html"}
        absent = [name for name in own - set(data) if getattr(value, name) is not None]
        assert not absent and not set(data) - own, (type(value), absent, set(data) - own)
        return all(same(getattr(value, name), member) for name, member in data.items())
    if isinstance(value, tuple):
        return len(value) == len(data) and all(map(same, value, data))
    return value == data


def test_objects_have_what_the_schema_says(model):
    for report in reports(model):
        data = report.to_dict()
        jsonschema.validate(data, SCHEMA)
        assert same(report, data)
        again = pickle.loads(pickle.dumps(report))
        assert again == report and str(again) == str(report)
        with pytest.raises(dataclasses.FrozenInstanceError):
            report.schema = 2


def sample(schema):
    """Something that the schema allows, with every value there."""
    if "$ref" in schema:
        target = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        own = {name: member for name, member in schema.items() if name != "$ref"}
        return {**sample(target), **sample({"type": "object", **own})} if "properties" in own else sample(target)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    plain = {"string": "word", "integer": 1, "number": 0.5, "boolean": True}
    if kinds[0] in plain:
        return plain[kinds[0]]
    if kinds[0] == "array":
        return [sample(schema["items"])] * 2
    return {name: sample(member) for name, member in schema.get("properties", {}).items()}


@pytest.mark.parametrize("family", [choice["$ref"].rsplit("/", 1)[1] for choice in SCHEMA["$defs"]["site"]["oneOf"]])
def test_sites_of_every_family_are_read(family):
    general = {name: member for name, member in SCHEMA["$defs"]["site"].items() if name != "oneOf"}
    data = {**sample(general), **sample(SCHEMA["$defs"][family])}
    jsonschema.validate(data, {"$ref": "#/$defs/site", "$defs": SCHEMA["$defs"]})
    site = _read(Site, data)
    assert type(site).__name__.endswith("Site") and site.family == data["family"] and same(site, data)


def test_types_are_those_of_the_schema():
    """The generated modules are what the schema makes."""
    subprocess.run([sys.executable, ROOT / "python" / "generate_reports.py", "--check"], check=True)


def without_time(text):
    return re.sub(r", in [0-9.]+ s", "", text)


def test_text_is_that_of_the_command_line(model, tmp_path):
    command = [sys.executable, "-m", "phasor", "fuse", str(model), "-o", str(tmp_path / "fused.onnx")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    report = phasor.fuse(model, tmp_path / "fused.onnx", force=True)
    assert without_time(str(report)) == without_time(printed).rstrip()
    assert "\x1b" not in str(report)


def test_notebooks_show_the_table_and_nothing_of_the_model_as_markup(model):
    proto = onnx.load(str(model))
    for node in proto.graph.node:
        node.name = f"<script>{node.name}</script>&\x1b[31m"
    shown = phasor.inspect(proto)._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert "prefers-color-scheme: dark" in shown and 'class="phasor-report"' in shown
    plain = html.unescape(re.sub("<style>.*?</style>|<[^>]*>", "", phasor.inspect(model)._repr_html_(), flags=re.DOTALL))
    assert plain.rstrip() == str(phasor.inspect(model))
    assert re.search('<span class="[a-z ]*good[a-z ]*">Verified</span>', phasor.fuse(model)._repr_html_())


def test_pages(model, tmp_path):
    """A page is given back and written, with the times of a report or of a file."""
    bench = phasor.bench(model, model, dims={"batch": 1}, rounds=1, seconds=0)
    (tmp_path / "bench.json").write_text(json.dumps(bench.to_dict()))
    page = tmp_path / "page.html"
    for times in (bench, tmp_path / "bench.json", str(tmp_path / "bench.json")):
        report = phasor.report(model, bench=times, output=page, force=True)
        assert page.read_text(encoding="utf-8") == report.html and report.path == str(page)
        assert report.bytes == len(report.html.encode()) and 'id="bench"' in report.html
    assert pickle.loads(pickle.dumps(report)).html == report.html
    assert phasor.report(model, verify=False).path is None
    with pytest.raises(phasor.ExistingFileError):
        phasor.report(model, output=page)
    (tmp_path / "bench.json").write_text("{}")
    with pytest.raises(phasor.ArgumentError, match="not a report of `phasor bench`"):
        phasor.report(model, bench=tmp_path / "bench.json")
    with pytest.raises(phasor.MissingFileError):
        phasor.report(model, bench=tmp_path / "missing.json")
    with pytest.raises(phasor.ArgumentError):
        phasor.report(model, bench=1)
