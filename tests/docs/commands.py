"""The page `docs/commands.md`, made of what the program says under `--help`."""
import re

import blocks
import usage

PAGE = blocks.ROOT / "docs" / "commands.md"
HEAD = """<!-- Made by `python3 tests/docs.py --write` of what `phasor COMMAND --help` prints; changes belong into `src/cli`. -->

# Commands

Every command with its arguments and options. [usage.md](usage.md) says where models come from and go to, and how they are compared;
[reports as JSON](json.md) has the fields of `--format json`.

"""
# Headings of the sections, where they say more than that options follow.
PLAIN = ("Arguments", "Options")
# An argument or an option, in a line of its own or with its description behind it.
ENTRY = re.compile(r"^ {2,6}((?:-\w, )?--[\w-]+(?: <[^>]+>)?|(?:<[^>]+>|\[[^\]]+\])(?:\.\.\.)?)(?: {2,}(.*))?$")
VALUE = re.compile(r"^- ([\w-]+): +(.*)$")
EXTRA = re.compile(r"\[(default|possible values|env): ([^\]=]*)(?:=[^\]]*)?\]")
EXTRAS = {"default": "by default", "possible values": "one of", "env": "or the variable"}


def cell(name):
    """`-o, --output <OUT>` as `-o`, `--output OUT`."""
    return ", ".join(f"`{part}`" for part in name.replace("<", "").replace(">", "").split(", "))


def sentence(lines):
    """What is said of an entry: its description, its values and its default."""
    text, values = [], []
    for line in lines:
        value = VALUE.match(line)
        if value:
            values.append(f"`{value[1]}` ({value[2]})")
        elif line != "Possible values:":
            text.append(line)
    said = " ".join(text)
    found = EXTRA.findall(said)
    said = EXTRA.sub("", said).strip()
    if values:
        said += ": " + ", ".join(values)
    for kind, what in found:
        said += f"; {EXTRAS[kind]} " + ", ".join(f"`{word}`" for word in what.split(", "))
    return said.replace("|", "\\|")


def entries(lines):
    """The arguments or options of a section, with the lines that describe each."""
    found = []
    for line in lines:
        match = ENTRY.match(line)
        if match:
            found.append((match[1], [match[2]] if match[2] else []))
        elif line.strip() and found:
            found[-1][1].append(line.strip())
    return found


def tables(text):
    """What a command does, how it is called, and a table for each section."""
    about, rest = text.split("\nUsage: ", 1)
    use, *sections = re.split(r"\n\n(?=[A-Z][\w ]*:\n)", rest)
    found = []
    for section in sections:
        heading, _, body = section.partition(":\n")
        listed = entries(body.splitlines())
        if not listed:
            raise ValueError(f"`{use}`: the section `{heading}` of the help lists nothing that is known: {body}")
        rows = [f"| {cell(of)} | {sentence(said)} |\n" for of, said in listed if "--help" not in of]
        if rows:
            found.append(f"| {heading.lower() if heading in PLAIN else heading} | |\n|---|---|\n{''.join(rows)}\n")
    return about.strip(), use.strip(), found


def page(phasor):
    of_commands = {name: tables(usage.text(phasor, name, "--help")) for name in usage.options(phasor)}
    # What every command has is shown once.
    shared = [table for table in next(iter(of_commands.values()))[2] if all(table in found for _, _, found in of_commands.values())]
    parts = [HEAD, *shared]
    for name, (about, use, found) in of_commands.items():
        parts.append(f"## phasor {name}\n\n{about}\n\n```text\n{use}\n```\n\n")
        parts += [table for table in found if table not in shared]
    return "".join(parts).rstrip() + "\n"


def check(phasor):
    """Whether the page is what the program says."""
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page(phasor):
        return True
    print(f"FAILED   `{PAGE.relative_to(blocks.ROOT)}` is not what the program says of itself\nhint: `python3 tests/docs.py --write` writes it anew")
    return False


def write(phasor):
    PAGE.write_text(page(phasor), encoding="utf-8")
    print(f"wrote `{PAGE.relative_to(blocks.ROOT)}`")
