"""A replay's report as one self-contained page, with plots."""

from __future__ import annotations

from html import escape

from proxy.cli.report.contents import ReportTable, Row, headline, sections, summary
from proxy.cli.report.plot import ARMS, bins, plot
from proxy.contracts.replay import Distribution, ReplayReport
from proxy.html_page import document, outcome, paragraph, section, table

FIRST = ("Scorecard", "Times, on the machine of the replay", "Worst disagreements")
"""Tables before the plots."""

STYLE = """
:root { --reference: #8a8f98; --recorded: #2f6fb5; --primary: #2a8c82; --candidate: #c2571a; }
@media (prefers-color-scheme: dark) { :root { --recorded: #6aa9ee; --primary: #5fc4b9; --candidate: #f0975f; } }
.verdict { border-left: .4rem solid; padding: .2rem 0 .2rem .8rem; }
.verdict p { color: CanvasText; margin: .2rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; font-size: 11px; fill: CanvasText; }
.axis { stroke: CanvasText; } .grid { stroke: var(--line); }
rect.reference { fill: var(--reference); } rect.recorded { fill: var(--recorded); }
rect.primary { fill: var(--primary); } rect.candidate { fill: var(--candidate); }
.legend span::before { content: ""; display: inline-block; width: .8em; height: .8em; margin: 0 .35em 0 1em; }
.legend .reference::before { background: var(--reference); } .legend .recorded::before { background: var(--recorded); }
.legend .primary::before { background: var(--primary); } .legend .candidate::before { background: var(--candidate); }
"""
"""What plots and the verdict need beside the style of any page."""


def page(report: ReplayReport) -> str:
    """The page."""
    title = headline(report)
    tables = sections(report)
    verdict = f'<div class="verdict {report.verdict}"><h1>{escape(title)}</h1>{paragraph(summary(report))}</div>'
    return document(
        title,
        (
            verdict,
            *(_section(each) for each in tables if each.title in FIRST),
            _plots(report.distributions),
            *(_section(each) for each in tables if each.title not in FIRST),
        ),
        STYLE,
    )


def _section(each: ReportTable) -> str:
    rows = (_row(each, row) for row in each.rows)
    return section(each.title, paragraph(each.note), table(each.columns, rows))


def _row(each: ReportTable, row: Row) -> Row:
    return (row[0], outcome(row[1]), *row[2:]) if each.verdicts else row


def _plots(distributions: tuple[Distribution, ...]) -> str:
    if not distributions:
        return ""
    arms = [arm for arm in ARMS if any(each.shares.get(arm) for each in distributions)]
    legend = "".join(f'<span class="{arm}">{arm}</span>' for arm in arms)
    figures = "".join(map(_figure, distributions))
    return section("Distributions", f'<p class="legend">{legend}</p><div class="plots">{figures}</div>')


def _figure(each: Distribution) -> str:
    arms = [arm for arm in ARMS if each.shares.get(arm)]
    rows = tuple(
        (name, *(f"{each.shares[arm][place]:.1%}" if place < len(each.shares[arm]) else "" for arm in arms))
        for place, name in enumerate(bins(each))
    )
    numbers = table(("bin", *arms), rows)
    return (
        f"<figure><figcaption>{escape(each.feature)} ({each.side})</figcaption>{plot(each)}"
        f"<details><summary>numbers</summary>{numbers}</details></figure>"
    )
