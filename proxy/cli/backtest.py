"""`penumbra backtest`: what the decision code would have done about captured records, as a table or JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from json import dumps
from pathlib import Path

import typer

from proxy.cli.exit_codes import EXIT_NO
from proxy.cli.render import put, table
from proxy.cli.wording import counted
from proxy.contracts.settings import Settings
from proxy.control.capture.format import Captured, UnreadableLineError
from proxy.control.capture.reading import legs_in
from proxy.control.capture.replay import Rehearsal, replay
from proxy.release.audit import plain

BREACHES = frozenset({"rollback", "pause", "notify"})
"""Actions that a breach leads to, one for each `on_breach`."""


class Progress:
    """Captured legs, counted as they pass; the count is shown on a terminal, since a large file takes minutes."""

    def __init__(self, legs: Iterator[Captured]) -> None:
        self._legs, self.count = legs, 0

    def __iter__(self) -> Iterator[Captured]:
        for leg in self._legs:
            self.count += 1
            if self.count % 10_000 == 0 and sys.stderr.isatty():
                print(f"\r{self.count:,} records", end="", file=sys.stderr, flush=True)
            yield leg


def show_backtest(settings: Settings, paths: Sequence[Path], as_json: bool) -> bool:
    """Prints the actions of a rehearsal; True if a limit was breached in it.

    Raises typer.Exit for a file that cannot be read.
    """
    legs = Progress(legs_in(paths))
    try:
        with quiet():
            rehearsal = replay(settings, legs)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    except UnreadableLineError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    _as_json(rehearsal, legs.count) if as_json else _as_tables(rehearsal, legs.count)
    rehearsal.close()
    return any(act.action in BREACHES for act in rehearsal.acts)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence of the log: an action of a rehearsal is no event of today."""
    logger = logging.getLogger("penumbra")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _as_json(rehearsal: Rehearsal, count: int) -> None:
    print(dumps({"records": count, "acts": plain(rehearsal.acts), "verdicts": plain(rehearsal.verdicts())}))


def _as_tables(rehearsal: Rehearsal, count: int) -> None:
    print(f"{counted(count, 'record')}, {counted(len(rehearsal.acts), 'act')}\n")
    rows = (
        (datetime.fromtimestamp(a.at, UTC).isoformat(timespec="milliseconds"), a.route, a.action, a.requests, a.reason)
        for a in rehearsal.acts
    )
    put(table(None, ("when", "route", "what", "requests", "why"), rows))
    print()
    lines = ((name, v.version, v.outcome, v.sentence) for name, vs in rehearsal.verdicts().items() for v in vs)
    put(table(None, ("route", "version", "verdict", "at the end"), lines))
