"""A replay's report as one self-contained page: no script, nothing from elsewhere, light and dark, for print too."""

from __future__ import annotations

from html import escape

from proxy.cli.report.contents import ReportTable, headline, sections, summary
from proxy.cli.report.plot import ARMS, bins, plot
from proxy.contracts.replay import Distribution, ReplayReport

FIRST = ("Scorecard", "Times, on the machine of the replay", "Worst disagreements")
"""Tables before the plots."""

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; --line: #8886; --quiet: #8882;
  --reference: #8a8f98; --recorded: #2f6fb5; --primary: #2a8c82; --candidate: #c2571a;
  --pass: #177a3d; --fail: #b3261e; --undecided: #7a5b00; }
@media (prefers-color-scheme: dark) { :root { --recorded: #6aa9ee; --primary: #5fc4b9; --candidate: #f0975f;
  --pass: #6fd08c; --fail: #ff8a80; --undecided: #e6c15c; } }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin-bottom: .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
.verdict { border-left: .4rem solid; padding: .2rem 0 .2rem .8rem; }
.pass { color: var(--pass); } .fail { color: var(--fail); } .undecided { color: var(--undecided); }
.verdict p { color: CanvasText; margin: .2rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; font-size: 11px; fill: CanvasText; }
.axis { stroke: CanvasText; } .grid { stroke: var(--line); }
rect.reference { fill: var(--reference); } rect.recorded { fill: var(--recorded); }
rect.primary { fill: var(--primary); } rect.candidate { fill: var(--candidate); }
.legend span::before { content: ""; display: inline-block; width: .8em; height: .8em; margin: 0 .35em 0 1em; }
.legend .reference::before { background: var(--reference); } .legend .recorded::before { background: var(--recorded); }
.legend .primary::before { background: var(--primary); } .legend .candidate::before { background: var(--candidate); }
summary { cursor: pointer; } @media print { details > *:not(summary) { display: block; } }
"""


def page(report: ReplayReport) -> str:
    """The page."""
    title = headline(report)
    tables = sections(report)
    parts = [
        f'<div class="verdict {report.verdict}"><h1>{escape(title)}</h1><p>{escape(summary(report))}</p></div>',
        *(_section(each) for each in tables if each.title in FIRST),
        _plots(report.distributions),
        *(_section(each) for each in tables if each.title not in FIRST),
    ]
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    body = "\n".join(part for part in parts if part)
    head = f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>'
    return f"{head}\n<body><main>\n{body}\n</main></body></html>\n"


def _section(section: ReportTable) -> str:
    note = f"<p>{escape(section.note)}</p>" if section.note else ""
    return f"<section><h2>{escape(section.title)}</h2>{note}{_table(section)}</section>"


def _table(section: ReportTable) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in section.columns)
    head = f"<thead><tr>{head}</tr></thead>" if any(section.columns) else ""
    rows = "".join(f"<tr>{''.join(_cells(section, row))}</tr>" for row in section.rows)
    return f'<div class="wide"><table>{head}<tbody>{rows}</tbody></table></div>'


def _cells(section: ReportTable, row: tuple[str, ...]) -> list[str]:
    cells = [f"<td>{escape(cell)}</td>" for cell in row]
    if section.verdicts:
        cells[1] = f'<td class="{escape(row[1])}">{escape(row[1])}</td>'
    if not any(section.columns):
        cells[0] = f'<th scope="row">{escape(row[0])}</th>'
    return cells


def _plots(distributions: tuple[Distribution, ...]) -> str:
    if not distributions:
        return ""
    arms = [arm for arm in ARMS if any(each.shares.get(arm) for each in distributions)]
    legend = "".join(f'<span class="{arm}">{arm}</span>' for arm in arms)
    figures = "".join(map(_figure, distributions))
    return f'<section><h2>Distributions</h2><p class="legend">{legend}</p><div class="plots">{figures}</div></section>'


def _figure(each: Distribution) -> str:
    arms = [arm for arm in ARMS if each.shares.get(arm)]
    rows = tuple(
        (name, *(f"{each.shares[arm][place]:.1%}" if place < len(each.shares[arm]) else "" for arm in arms))
        for place, name in enumerate(bins(each))
    )
    numbers = _table(ReportTable(each.feature, ("bin", *arms), rows))
    return (
        f"<figure><figcaption>{escape(each.feature)} ({each.side})</figcaption>{plot(each)}"
        f"<details><summary>numbers</summary>{numbers}</details></figure>"
    )
