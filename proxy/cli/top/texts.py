"""Texts from elsewhere, made harmless and as wide as a column.

Names, reasons and sentences were written by anybody. No character of them may move the cursor, turn the direction of a
line or be wider than its place; what is not printable is shown as `?`.
"""

from __future__ import annotations

import textwrap
import unicodedata

from rich.cells import cell_len, set_cell_size

MAX_MARKS = 2
"""Combining marks that a letter may have: more of them would grow over the lines beside."""

MAX_READ = 2_000
"""Characters of a text that are looked at: no line of a terminal is longer."""


def clean(text: str) -> str:
    """A text as one line without anything that a terminal obeys.

    >>> clean("v1\\x1b[2J" + chr(0x202E) + "\\n\\tend")
    'v1?[2J?  end'
    """
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[:MAX_READ]):
        marks = marks + 1 if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= MAX_MARKS:
            kept.append(char if char.isprintable() else " " if char.isspace() else "?")
    return "".join(kept)


def fit(text: str, width: int) -> str:
    """A text, cut or filled to `width` columns of a terminal; what was cut ends in `~`.

    >>> fit("cancer", 8) + "|", fit("cancer", 4) + "|"
    ('cancer  |', 'can~|')
    """
    text = clean(text)
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "~" if width > 0 else ""


def right(text: str, width: int) -> str:
    """The same, at the right end of its column.

    >>> right("1.5", 5) + "|"
    '  1.5|'
    """
    text = clean(text)
    return " " * max(width - cell_len(text), 0) + fit(text, min(width, cell_len(text)))


def wrapped(text: str, width: int, most: int, indent: str = "") -> list[str]:
    """A text as at most `most` lines of at most `width` columns."""
    text = " ".join(clean(text).split())
    columns = width if cell_len(text) == len(text) else width // 2  # letters that are two columns wide
    found = textwrap.wrap(text, max(columns, 8), initial_indent=indent, subsequent_indent=indent)
    if len(found) > most:
        found = [*found[: most - 1], " ".join((found[most - 1], "~"))]
    return [fit(line, width).rstrip() for line in found]
