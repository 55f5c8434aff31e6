"""Shows the demo: a live table on a terminal; anywhere else, lines that read well in a log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from proxy.demo.checks import Check
from proxy.demo.view import Row, View

LINE_EVERY = 2.0
"""Seconds between two lines of the log; a terminal is redrawn with every view."""

_COLUMNS = ("version", "role", "split", "answers", "p50/p99 ms", "copies", "covered", "disagrees", "rescued")
"""76 characters of figures and gaps at most, so that the table fits a terminal of 80."""
_STYLES = {"primary": "bold green", "canary": "bold yellow", "shadow": "cyan", "-": "dim"}


class Display:
    """The output of the demo: `say` prints a line for good, `show` replaces the view."""

    __slots__ = ("_live", "_said_at", "console")

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._said_at = ("", -LINE_EVERY)

    def say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style), soft_wrap=True)

    def act(self, title: str, sentence: str) -> None:
        """Announces an act."""
        self.say("")
        self.say(title, "bold")
        self.say(sentence)

    @contextlib.contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """A spinner while something takes its time; in a log, the line alone."""
        if not self.console.is_terminal:
            self.say(text)
            yield
            return
        with self.console.status(text):
            yield

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """While the block runs, views are shown in place on a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False) as self._live:
            try:
                yield
            finally:
                self._live = None

    def show(self, view: View, last: bool = False) -> None:
        """`last`: the act is over; a log gets its figures whenever the line before it was."""
        if self._live is not None:
            self._live.update(panel(view), refresh=True)
            return
        act, at = self._said_at
        if last or view.act != act or view.seconds - at >= LINE_EVERY:
            self._said_at = (view.act, view.seconds)
            self.say(line(view))

    def summary(self, checks: Sequence[Check]) -> None:
        """The closing table: what had to hold, what was measured."""
        table = Table(box=box.SIMPLE_HEAD, title="What was measured", title_justify="left")
        for column in ("", "what had to hold", "measured"):
            table.add_column(column)
        for check in checks:
            mark = Text("held", "green") if check.held else Text("BROKEN", "bold red")
            table.add_row(mark, check.what, check.measured)
        self.console.print(table)


def panel(view: View) -> Panel:
    """A view for the terminal."""
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("version", "role") else "right", no_wrap=True)
    for row in view.rows:
        table.add_row(*_cells(row), style=_STYLES[row.role])
    return Panel(Group(Text(_head(view)), table), title=view.act, title_align="left")


def line(view: View) -> str:
    """A view for a log: one line, only what is there."""
    rows = [_words(row) for row in view.rows if row.role != "-" or row.requests]
    return " | ".join([f"{view.act}: {_head(view)}", *rows])


def _head(view: View) -> str:
    overhead = f", proxy overhead {milliseconds(view.overhead)} in the mean" if view.overhead is not None else ""
    return (
        f"{view.seconds:.1f} s, phase {view.phase}, {view.rate:.0f} requests/s, "
        f"{view.requests:,} answered, {view.errors} client errors{overhead}"
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.version,
        row.role,
        f"{row.percent:g} %",
        f"{row.requests:,}",
        "/".join(milliseconds(q).removesuffix(" ms") for q in (row.p50, row.p99)),
        f"{row.copies:,}",
        percent(row.coverage),
        percent(row.disagreement),
        str(row.rescued),
    )


def _words(row: Row) -> str:
    words = [f"{row.version} {row.role}"]
    if row.role in ("primary", "canary"):
        words[0] += f" {row.percent:g} %"
    if row.requests or row.role != "shadow":
        words.append(f"{row.requests} requests")
    if row.p50 is not None:
        words.append(f"p50 {milliseconds(row.p50)} p99 {milliseconds(row.p99)}")
    if row.role == "shadow":
        words.append(f"{row.copies} copies, coverage {percent(row.coverage)}")
    if row.disagreement is not None:
        words.append(f"disagreement {percent(row.disagreement)}")
    if row.rescued:
        words.append(f"rescued {row.rescued}")
    return ", ".join(words)


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3g} ms"


def percent(ratio: float | None) -> str:
    return "-" if ratio is None or ratio != ratio else f"{ratio:.1%}"
