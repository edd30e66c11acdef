#!/usr/bin/env python3
"""Writes the types of reports, `python/phasor/reports.py` and `sites.py`, from `docs/report.schema.json`.

    python3 python/generate_reports.py           write them
    python3 python/generate_reports.py --check   fail if they are not what would be written
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "phasor"
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())["$defs"]
# Names of classes where that of the definition would not do.
NAMES = {"model": "ModelSummary", "summary": "RuleSummary", "page": "Rule", "expanded": "ExpandedOperator", "existing": "ExistingOperator"}
COMMANDS = ["fuse", "unfuse", "inspect", "explain", "verify", "report", "rules", "bench", "diff", "doctor"]
# What reports have beside their fields, by the class that has it.
BASES = {"fuse": "Rewrite[Model]", "unfuse": "Rewrite[Model]", "report": "Page"}
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
HEAD = '''"""Types of {what}, as `docs/json.md` describes them. Written by `python/generate_reports.py` from `docs/report.schema.json`."""
from __future__ import annotations

{imports}

__all__ = [
{names}]


{classes}
'''


def class_name(key):
    if key == "report":
        return "PageReport"
    if key in COMMANDS:
        return key.capitalize() + "Report"
    is_family = {"$ref": f"#/$defs/{key}"} in SCHEMA["site"]["oneOf"]
    return NAMES.get(key, "".join(part.capitalize() for part in key.split("_"))) + ("Site" if is_family else "")


def resolved(schema):
    """A schema in place of its reference, and the name that it has there."""
    if "$ref" not in schema:
        return schema, None
    key = schema["$ref"].rsplit("/", 1)[1]
    return SCHEMA[key], key


class Writer:
    """Writes each class after those that it refers to."""

    def __init__(self):
        self.classes = {}
        # Of these, what a site consists of.
        self.parts = {}

    def type_of(self, schema, name):
        """The type of a value; `name` is for an object that has none of its own."""
        target, key = resolved(schema)
        kinds = target.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        if key == "site":
            self.sites()
            return "Site"
        if "const" in target or "enum" in target:
            return literal(target.get("enum", [target.get("const")]))
        optional = " | None" if "null" in kinds else ""
        kind = next((kind for kind in kinds if kind != "null"), "object")
        if kind == "array":
            return f"tuple[{self.type_of(target['items'], name)}, ...]{optional}"
        if kind in PLAIN:
            return PLAIN[kind] + optional
        if "properties" not in target and "oneOf" not in target:
            return f"Mapping[str, {self.type_of(target['additionalProperties'], name)}]{optional}"
        name = class_name(key) if key else name
        self.write(name, target, key)
        return name + optional

    def write(self, name, schema, key=None, base=""):
        if name in self.classes:
            return
        fields = {field: (self.type_of(member, name + field.capitalize()), text) for field, (member, text) in gather(schema).items()}
        always = required(schema)
        if key in COMMANDS:
            base = f"({BASES.get(key, 'Report')})"
        lines = ["@dataclass(frozen=True, kw_only=True)", f"class {name}{base}:", f'    """{in_python(schema["description"])}"""', ""]
        for field, (kind, text) in fields.items():
            if field not in always:
                kind, default = kind if kind.endswith("None") else f"{kind} | None", " = None"
            else:
                default = ""
            lines.append(f"    {field}: {kind}{default}")
            if text:
                lines.append(f'    """{in_python(text)}"""')
        self.classes[name] = "\n".join(lines)

    def sites(self):
        """Every family has a class, with the fields that all have first."""
        if "Site" in self.classes:
            return
        schema = SCHEMA["site"]
        before = set(self.classes)
        self.write("AnySite", {**schema, "oneOf": []})
        names = []
        for reference in schema["oneOf"]:
            family, key = resolved(reference)
            names.append(class_name(key))
            self.write(names[-1], family, key, base="(AnySite)")
        self.classes["Site"] = f"Site = Union[{', '.join(names)}]"
        self.parts = {name: text for name, text in self.classes.items() if name not in before}


def in_python(text):
    """A description in the words of Python."""
    return text.replace("null", "None")


def literal(words):
    return f"Literal[{', '.join(json.dumps(word) for word in words)}]"


def parts(schema):
    """A schema with what it refers to and chooses from."""
    yield schema
    if "$ref" in schema:
        yield from parts(resolved(schema)[0])
    for choice in schema.get("oneOf", []):
        yield from parts(choice)


def gather(schema):
    """The fields of an object, with their descriptions; of those that several choices have, all words."""
    fields = {}
    for part in parts(schema):
        for field, member in part.get("properties", {}).items():
            words = lambda it: it.get("enum", [it["const"]] if "const" in it else [])
            text = member.get("description") or resolved(member)[0].get("description", "")
            if field in fields:
                known, text = fields[field]
                if words(known):
                    member = {"enum": words(known) + words(member)}
            fields[field] = (member, text)
    return fields


def required(schema):
    """The fields that are there whatever is chosen."""
    names = set(schema.get("required", []))
    if "$ref" in schema:
        names |= required(resolved(schema)[0])
    choices = [set(choice.get("properties", {})) | required(choice) for choice in schema.get("oneOf", [])]
    return names | (set.intersection(*choices) if choices else set())


def main():
    writer = Writer()
    for key in COMMANDS:
        writer.write(class_name(key), SCHEMA[key], key)
    reports = {name: text for name, text in writer.classes.items() if name not in writer.parts}
    reports["Comparison"] = "Comparison = Union[VerifyReport, Verification]"
    site_imports = "from dataclasses import dataclass\nfrom typing import Literal, Union"
    imports = (
        "from collections.abc import Mapping\n"
        f"{site_imports}\n\nfrom ._report import Model, Page, Report, Rewrite\nfrom .sites import Site"
    )
    files = {"sites": written("sites", writer.parts, site_imports), "reports": written("reports", reports, imports)}
    for name, text in files.items():
        path = PACKAGE / f"{name}.py"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"error: `{path.name}` is not what the schema says\nhint: run `python3 python/generate_reports.py`")


def written(what, classes, imports):
    names = "".join(f'    "{name}",\n' for name in sorted(classes))
    return HEAD.format(what=what, imports=imports, names=names, classes="\n\n\n".join(classes.values()))


if __name__ == "__main__":
    main()
