"""Holds the commands and options that the documentation names to those of the program and of the scripts, and the README to name every command."""
import re
import subprocess

import blocks

README = "README.md"
SPAN = re.compile(r"`(phasor [a-z][^`]*)`")
SCRIPT = re.compile(r"`(?:python3?) ([\w/]+\.py)([^`]*)`")
COMMAND = re.compile(r"^  ([a-z][a-z-]+)  ", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# What every program has, and what is explained where it is defined.
KNOWN = {"--help", "--version"}


def text(phasor, *arguments):
    return subprocess.run([str(phasor), *arguments], capture_output=True, text=True, check=True).stdout


def options(phasor):
    """The options of every command."""
    commands = [name for name in COMMAND.findall(text(phasor, "--help").split("Commands:", 1)[1].split("Options:", 1)[0]) if name != "help"]
    # An option begins its line, perhaps after its short form; descriptions may name others.
    begins = re.compile(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", re.MULTILINE)
    return {name: set(begins.findall(text(phasor, name, "--help"))) | KNOWN for name in commands}


def running_text(page):
    """A page in one line, as a span of code may be broken."""
    return re.sub(r"\s*\n\s*", " ", (blocks.ROOT / page).read_text(encoding="utf-8"))


def spoken():
    """Commands in the running text and in the blocks of all pages, with where they stand."""
    for page in blocks.pages():
        for match in SPAN.finditer(running_text(page)):
            yield page, match[1]
        for block in blocks.read(page):
            if block.language == "sh":
                for line in block.text.replace("\\\n", " ").splitlines():
                    if line.startswith("phasor "):
                        yield str(block), line


def of_scripts():
    """What is wrong with commands in the running text that run a script of the repository."""
    for page in blocks.pages():
        for script, arguments in SCRIPT.findall(running_text(page)):
            path = blocks.ROOT / script
            if not path.exists():
                yield f"{page}: there is no `{script}`"
                continue
            source = path.read_text(encoding="utf-8")
            yield from (f"{page}: `{script}` has no `{option}`" for option in OPTION.findall(arguments) if f'"{option}"' not in source)


def check(phasor):
    """Whether documentation and program agree; prints where they do not."""
    known = options(phasor)
    faults = list(of_scripts())
    for place, command in spoken():
        name = command.split()[1]
        if name not in known:
            faults.append(f"{place}: `{command}`: the program has no command `{name}`")
            continue
        for option in OPTION.findall(command):
            if option not in known[name]:
                faults.append(f"{place}: `{command}`: `phasor {name}` has no `{option}`")
    readme = (blocks.ROOT / README).read_text(encoding="utf-8")
    faults += [f"{README}: names no `phasor {name}`" for name in known if f"`phasor {name}" not in readme]
    for fault in faults:
        print(f"FAILED   {fault}")
    return not faults
