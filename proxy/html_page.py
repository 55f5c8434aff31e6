"""A self-contained page of HTML: its head, its style and its tables, for whatever a command writes as one.

No script, nothing from elsewhere, light and dark, for print too. Text is text: whatever is no `Markup` is escaped, and
nothing on the page is a control.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from proxy.contracts.bounds import legible

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; --line: #8886;
  --pass: #177a3d; --fail: #b3261e; --undecided: #7a5b00; }
@media (prefers-color-scheme: dark) { :root { --pass: #6fd08c; --fail: #ff8a80; --undecided: #e6c15c; } }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin-bottom: .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td ul { margin: 0; padding-left: 1.1rem; } code { font-size: .85rem; }
.pass { color: var(--pass); } .fail { color: var(--fail); } .undecided { color: var(--undecided); }
summary { cursor: pointer; } @media print { details > *:not(summary) { display: block; } }
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
OUTCOMES = ("pass", "fail", "undecided")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(text: str) -> str:
    """Text as HTML."""
    return text if isinstance(text, Markup) else escape(text)


def document(title: str, parts: Iterable[str], style: str = "") -> str:
    """The whole page. `parts`: HTML; empty ones are left out."""
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}{style}</style>'
    )
    body = "\n".join(part for part in parts if part)
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'
    return legible(page)


def section(title: str, *parts: str) -> Markup:
    """A heading and what is below it; nothing where there is nothing."""
    body = "".join(parts)
    return Markup(f"<section><h2>{html(title)}</h2>{body}</section>" if body else "")


def paragraph(text: str) -> Markup:
    """A paragraph; nothing without text."""
    return Markup(f"<p>{html(text)}</p>" if text else "")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table; nothing without rows. Columns without names: the first cell of a row is what the row is."""
    named = any(columns)
    lines = "".join(f"<tr>{_cells(row, named)}</tr>" for row in rows)
    if not lines:
        return Markup("")
    head = "".join(f'<th scope="col">{html(column)}</th>' for column in columns)
    head = f"<thead><tr>{head}</tr></thead>" if named else ""
    return Markup(f'<div class="wide"><table>{head}<tbody>{lines}</tbody></table></div>')


def _cells(row: Sequence[str], named: bool) -> str:
    cells = [f"<td>{html(cell)}</td>" for cell in row]
    if not named:
        cells[0] = f'<th scope="row">{html(row[0])}</th>'
    return "".join(cells)


def items(texts: Iterable[str]) -> Markup:
    """A list; nothing without items."""
    lines = "".join(f"<li>{html(text)}</li>" for text in texts)
    return Markup(f"<ul>{lines}</ul>" if lines else "")


def outcome(word: str) -> Markup:
    """A verdict in its colour; other words as they are."""
    return Markup(f'<span class="{word}">{word}</span>' if word in OUTCOMES else escape(word))
