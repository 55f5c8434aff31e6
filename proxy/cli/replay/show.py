"""A replay for people: its progress on a terminal, and its report as tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from proxy.cli.render import put, table
from proxy.cli.report.contents import rule, value
from proxy.cli.wording import counted
from proxy.contracts.bounds import legible
from proxy.contracts.replay import ReplayReport

SHOWN_DRIFTED = 5
"""Features that are named; the report has them all."""


@contextmanager
def progress(total: int, done: Callable[[], int], sent: Callable[[], int]) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; what draws it anew. `total`, `done`: lines of the capture; `sent`: requests."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("0 requests", total=max(total, 1))
        yield lambda: bar.update(task, completed=done(), description=counted(sent(), "request"))


def show_report(report: ReplayReport) -> None:
    """The report as tables on stdout."""
    counts, agreement = report.counts, report.agreement
    _say(f"{report.verdict}: {report.candidate} on {report.route}: {report.sentence}")
    if report.needed is not None:
        _say(f"about {counted(report.needed, 'more request')} would decide")
    print()
    rows = [
        (line.metric, line.bound, "not judged" if line.moot else line.outcome, line.sentence)
        for line in report.verdicts
    ]
    put(table(None, ("line", "limit", "verdict", "evidence"), rows))
    print()
    judged = counted(counts.sent, "request")
    _say(f"{judged} judged ({report.ending}), {counts.answered:,} answered, {counts.lost:,} lost")
    if agreement.pairs:
        _say(f"{agreement.disagreements:,} of {counted(agreement.pairs, 'pair')} disagree ({agreement.ratio:.2%})")
    for each in agreement.worst:
        _say(f"  {each.request_id or 'a request'}: {rule(each.kind)}{_apart(each.shift)}: {_both(each.detail)}")
    if report.finding:
        _say(report.finding)
    drifted = [row.feature for row in report.drift if row.drifted][:SHOWN_DRIFTED]
    if drifted:
        _say(f"drifted: {', '.join(drifted)}")
    for note in (*report.notes, *(report.run.notes if report.run else ())):
        _say(f"note: {note}")


def _say(text: str) -> None:
    """Prints one line: whoever begins another may give orders to a CI system (`::error::`)."""
    print(legible(text).replace("\n", " "))


def _apart(shift: float | None) -> str:
    return "" if shift is None else f", {shift:.3g} apart"


def _both(detail: dict[str, object]) -> str:
    shown = (f"{name} {value(detail[name]) or 'nothing'}" for name in ("primary", "candidate") if name in detail)
    return " | ".join(each if len(each) <= 120 else f"{each[:117]}..." for each in shown)
