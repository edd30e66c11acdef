"""What is wrong with a kernel's machine code, from its instructions as `cuobjdump` prints them."""
import re

REGISTER = re.compile(r"\bR(\d+)\b")


def complaints(code, narrow, wide_loads, at_once):
    """`narrow`: it may store less than 16 bytes per access; `wide_loads`: it loads 16; `at_once`: it asks for all it needs together."""
    accesses = [found for found in (re.search(r"\b(LDG|STG|LDL|STL)((?:\.\w+)*)", line) for line in code) if found]
    kinds = [(found[1], found[2]) for found in accesses]
    if any(kind in ("LDL", "STL") for kind, _ in kinds):
        yield "uses local memory"
    ordered = [widths for kind, widths in kinds if kind == "STG" and ".STRONG" in widths]
    if ordered:
        yield f"{len(ordered)} stores are ordered among threads: STG{ordered[0]}"
    if at_once:
        yield from waits(code)
    if narrow:
        return
    stores = [widths for kind, widths in kinds if kind == "STG"]
    small = [widths for widths in stores if ".128" not in widths]
    if not stores or small:
        yield f"{len(stores)} stores, {len(small)} of them of less than 16 bytes"
    if wide_loads and not any(".128" in widths for kind, widths in kinds if kind == "LDG"):
        yield "no load of 16 bytes"


def waits(code):
    """Whether tables are waited for before the row that they turn is asked for, or the other way round."""
    groups = groups_of_loads(code)
    tables = [group for group in groups if any(".CONSTANT" in load for load in group)]
    if not tables:
        yield "no load of a table"
    for group in tables:
        rows = sum(".CONSTANT" not in load for load in group)
        if rows < 2:
            yield f"waits for tables and row apart: {len(group)} loads together, {rows} of the row"


def groups_of_loads(code):
    """Loads, in groups of which none is waited for before the last is under way; what is written again is not waited for."""
    groups, waiting = [[]], set()
    for line in code:
        found = re.search(r"\bLDG((?:\.\w+)*) (R\d+),(.*)", line)
        if found:
            first = int(found[2][1:])
            count = 4 if ".128" in found[1] else 2 if ".64" in found[1] else 1
            if waiting & registers(found[3]):
                groups.append([])
                waiting = set()
            groups[-1].append(found[1])
            waiting |= set(range(first, first + count))
            continue
        # Of an instruction, the first operand is what it writes.
        operands = line.split(None, 2 if line.startswith("@") else 1)[-1]
        written, _, read = operands.partition(",")
        if waiting & (registers(read) | (registers(written) if "STG" in line else set())):
            groups.append([])
            waiting = set()
        waiting -= registers(written)
    return [group for group in groups if group]


def registers(text):
    return {int(number) for number in REGISTER.findall(text)}
