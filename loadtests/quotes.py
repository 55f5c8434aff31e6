"""Tables that documents quote from pages of measured figures, copied and never typed.

    python -m loadtests.quotes    fills in all quotes of docs/, as publishing a run does (`figures`)

A quote stands between `<!-- quoted: PAGE: START -->` and `<!-- end -->`: the table of PAGE (relative to the document)
whose first line begins with START.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
QUOTE = re.compile(r"(<!-- quoted: (\S+): (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


class NoSuchTable(Exception):
    """The page has no table that begins so."""


def table(page: str, start: str) -> str:
    """The lines of the table whose first line begins with `start`. Raises NoSuchTable."""
    lines = page.splitlines(keepends=True)
    first = next((at for at, line in enumerate(lines) if line.startswith(start)), None)
    if first is None:
        raise NoSuchTable(start)
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append(line)
    return "".join(rows)


def filled(text: str, folder: Path) -> str:
    """`text` of a document in `folder` with all of its quotes as their sources say now. Raises NoSuchTable."""

    def fill(found: re.Match[str]) -> str:
        page = (folder / found[2]).read_text(encoding="utf-8")
        return found[1] + table(page, found[3]) + found[5]

    return QUOTE.sub(fill, text)


def quote() -> list[Path]:
    """Fills in all quotes; the documents that have changed."""
    changed = []
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = filled(text, path.parent)
        if new != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    print(f"quotes that differed: {', '.join(path.name for path in quote()) or 'none'}")
