"""Text in the colours of a terminal as HTML, for notebooks with a light or a dark background."""
from __future__ import annotations

import html
import re

_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
# Words for the codes that reports use.
_CLASSES = {"1": "strong", "2": "dim", "31": "bad", "32": "good", "33": "warn", "36": "path"}
_STYLE = """<style>
.phasor-report { color: inherit; background: none; line-height: 1.4; white-space: pre; overflow-x: auto;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --path: #0a6b7c }
@media (prefers-color-scheme: dark) { .phasor-report { --good: #4ac26b; --bad: #ff7b72; --warn: #d4a72c; --path: #56d4dd } }
[data-jp-theme-light="true"] .phasor-report, .vscode-light .phasor-report
  { --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --path: #0a6b7c }
[data-jp-theme-light="false"] .phasor-report, .vscode-dark .phasor-report
  { --good: #4ac26b; --bad: #ff7b72; --warn: #d4a72c; --path: #56d4dd }
.phasor-report .strong { font-weight: bold } .phasor-report .dim { opacity: .7 }
.phasor-report .good { color: var(--good) } .phasor-report .bad { color: var(--bad) }
.phasor-report .warn { color: var(--warn) } .phasor-report .path { color: var(--path) }
</style>"""


def page(painted: str) -> str:
    """The text as an element of its own. Everything in it is escaped; codes that reports do not use have no effect."""
    out: list[str] = []
    classes: list[str] = []
    # Text and codes take turns.
    for position, part in enumerate(_ESCAPE.split(painted)):
        if position % 2 == 0:
            text = html.escape(part.replace("\x1b", ""))
            out.append(f'<span class="{" ".join(classes)}">{text}</span>' if classes and text else text)
            continue
        for code in part.split(";"):
            if code in ("", "0"):
                classes.clear()
            elif code in _CLASSES:
                classes.append(_CLASSES[code])
    return f'{_STYLE}<pre class="phasor-report">{"".join(out)}</pre>'
