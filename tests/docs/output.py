"""Compares what a page shows with what a command prints.

A page shows the end of what is printed. Blanks count as one, and what differs between runs and machines counts as follows:

* `...` stands for anything within a line, and alone on a line for any number of lines;
* a difference (`1.5e-7`) may be up to 10 times the one shown, and where that is 0 it is 0;
* a time (`0.55 s`) may be up to 100 times the one shown: machines that run tests are busy;
* a size (`259 kB`) may be 5 % smaller or larger;
* all else is the same to the letter, counts and versions too.

>>> mismatch("wrote `a`: 2 nodes, 229 kB, 1.5e-7, in 0.55 s", "noise\\nwrote `a`: 2   nodes, 231 kB, 1.4e-06, in 800 ms")
>>> mismatch("2 nodes", "12 nodes")
'shown: 2 nodes'
>>> mismatch("2 nodes", "3 nodes")
'shown: 2 nodes'
>>> mismatch("off by 1.5e-7", "off by 1.6e-6")
'1.6e-6 where 1.5e-7 is shown'
>>> mismatch("off by 0.0e+0", "off by 1.0e-9")
'1.0e-9 where 0.0e+0 is shown'
>>> mismatch("229 kB", "260 kB")
'260 kB where 229 kB is shown'
>>> mismatch("in 0.1 s", "in 11 s")
'11 s where 0.1 s is shown'
>>> mismatch("off by 1.5e-7", "off by NaN")
'shown: off by 1.5e-7'
>>> mismatch("a\\n...\\nversion ...\\nd", "a\\nb\\nc\\nversion 1.2\\nd\\n")
>>> mismatch("a\\n...\\nd", "a\\nd")
>>> mismatch("a\\nd", "a\\nd\\ne")
'shown: d'
>>> mismatch("a", "")
'shown: a'
"""
import re

NUMBER = r"\d[\d,]*(?:\.\d+)?"
# Each kind: what it looks like, and in a match the number in a common unit.
FORMS = {
    "difference": rf"{NUMBER}e[-+]?\d+",
    "time": rf"{NUMBER} (?:ns|us|ms|s|min)\b",
    "size": rf"{NUMBER} (?:bytes|[kMG]B)\b",
}
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
RELATIONS = {
    "difference": lambda found, shown: found <= 10 * shown,
    "time": lambda found, shown: found <= 100 * shown,
    "size": lambda found, shown: 0.95 * shown <= found <= 1.05 * shown,
}
VARIES = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in FORMS.items()) + r"|(?P<any>\.\.\.)|(?P<blank>[ \t]+)")
ANY_LINES = r"(?:.*\n)*?"


def value(text):
    number, _, unit = text.replace(",", "").partition(" ")
    return float(number) * UNITS.get(unit, 1)


def pattern(line):
    """A line that is shown as a regular expression, and the kinds and texts of its numbers, one for each group."""
    if line.strip() == "...":
        return ANY_LINES, []
    parts, numbers, at = [], [], 0
    for match in VARIES.finditer(line):
        parts.append(re.escape(line[at : match.start()]))
        at = match.end()
        if match.lastgroup in FORMS:
            parts.append(f"({FORMS[match.lastgroup]})")
            numbers.append((match.lastgroup, match[0]))
        else:
            parts.append(".*?" if match.lastgroup == "any" else r"[ \t]+")
    return "".join([*parts, re.escape(line[at:]), r"[ \t]*\n"]), numbers


def mismatch(shown, printed):
    """Where what is printed does not end as shown; None if it does."""
    printed = "\n" + printed.rstrip() + "\n"
    lines = shown.rstrip().split("\n")
    expected, numbers = "\n", []
    for line in lines:
        part, found = pattern(line)
        expected += part
        numbers += found
    match = re.search(rf"{expected}\Z", printed)
    if match is None:
        # The line up to which it can be found at all.
        for count in range(len(lines)):
            if not re.search("\n" + "".join(pattern(line)[0] for line in lines[: count + 1]), printed):
                break
        return f"shown: {lines[count]}"
    for (kind, number), found in zip(numbers, match.groups()):
        if not RELATIONS[kind](value(found), value(number)):
            return f"{found} where {number} is shown"
    return None
