"""A replay's report as GitHub Flavored Markdown: for a comment on a pull request, or the summary of a job.

Nothing that clients or servers wrote is more than text: it mentions nobody, links to nothing, closes no issue.
Source: GitHub Flavored Markdown Spec, tables (extension) and backslash escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxy.cli.report.contents import ReportTable, Row, headline, sections, summary
from proxy.contracts.replay import Distribution, ReplayReport

MAX_CHARACTERS = 60_000
"""A comment may have 65,536; what is over is left out, and said."""

MARKS = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "⚠️ undecided"}

BARS = "▁▂▃▄▅▆▇█"

OPEN = ("Scorecard", "Times, on the machine of the replay", "Worst disagreements")
"""Tables that are seen at once; the others are folded."""

_SPECIAL = re.compile(r"([\\`*_\[\]#|~<>&$@])")
_TICKS = re.compile(r"`+")


def markdown(report: ReplayReport) -> str:
    """The document."""
    parts = [f"## {MARKS[report.verdict].split()[0]} {escaped(headline(report))}", escaped(summary(report))]
    parts += _parts(report)
    text, left_out = "", 0
    for part in parts:
        if len(text) + len(part) > MAX_CHARACTERS:
            left_out += 1
        else:
            text += f"{part}\n\n"
    if left_out:
        text += f"{left_out} sections were left out, because they are long: the page and the JSON have them.\n"
    return text.rstrip("\n") + "\n"


def _parts(report: ReplayReport) -> Iterator[str]:
    tables = sections(report)
    for section in tables:
        if section.title in OPEN:
            yield f"### {section.title}\n\n{_body(section)}"
    if report.distributions:
        yield f"### Distributions\n\n{_distributions(report)}"
    for section in tables:
        if section.title not in OPEN:
            yield f"<details><summary>{section.title}</summary>\n\n{_body(section)}\n\n</details>"


def _body(section: ReportTable) -> str:
    note = f"{escaped(section.note)}\n\n" if section.note else ""
    return note + _table(section.columns, [_row(section, row) for row in section.rows])


def _row(section: ReportTable, row: Row) -> Row:
    cells = tuple((code if section.foreign else escaped)(cell) for cell in row)
    return (cells[0], MARKS.get(row[1], cells[1]), *cells[2:]) if section.verdicts else cells


def _table(columns: Row, rows: list[Row]) -> str:
    head = " | ".join(escaped(column) for column in columns)
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"| {head} |\n|{' --- |' * len(columns)}\n{lines}"


def _distributions(report: ReplayReport) -> str:
    arms = list(dict.fromkeys(arm for each in report.distributions for arm in each.shares))
    rows = [
        (escaped(each.feature), each.side, escaped(_range(each)), *(bars(each.shares.get(arm, ())) for arm in arms))
        for each in report.distributions
    ]
    return _table(("feature", "of", "from … to", *arms), rows)


def _range(each: Distribution) -> str:
    if each.kind == "category":
        return ", ".join(each.categories[:4]) + (" …" if len(each.categories) > 4 else "")
    return f"{each.edges[0]:.4g} … {each.edges[-1]:.4g}" if each.edges else ""


def bars(shares: tuple[float, ...]) -> str:
    """Shares as blocks, the largest of them full.

    >>> bars((0.0, 0.5, 1.0))
    '▁▅█'
    """
    most = max(shares, default=0.0)
    return "".join(BARS[round(share / most * (len(BARS) - 1))] if most else BARS[0] for share in shares)


def escaped(text: str) -> str:
    """Text as itself: on one line, without markup.

    >>> escaped("a|b <c> #1")
    'a\\\\|b \\\\<c\\\\> \\\\#1'
    """
    return _SPECIAL.sub(r"\\\1", _line(text))


def code(text: str) -> str:
    """Text that others wrote, as a span of code: in it nothing is a mention, a link or markup.

    >>> code("a|b `c` @team")
    '`` a\\\\|b `c` @team ``'
    """
    line = _line(text)
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", r"\|")


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())
