"""The fenced blocks of the documentation."""
import dataclasses
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line} ({self.language or 'no language'})"

    @property
    def first(self):
        return self.text.splitlines()[0] if self.text else ""


def read(page):
    """The blocks of a page, which is named by its path from the root of the checkout."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [
        Block(page, text.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3])) for match in FENCE.finditer(text)
    ]
    if text.count("```") != 2 * len(found):
        raise ValueError(f"`{page}`: a fence that is not closed, or not on a line of its own")
    return found


def pages():
    """All pages with documentation for users and contributors."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")]
    # The book's own page has directives, not examples.
    return sorted({path.relative_to(ROOT).as_posix() for path in paths if path.parent != ROOT / "docs" / "book"})
