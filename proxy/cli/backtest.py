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

from proxy.cli.exit_codes import EXIT_NO, EXIT_UNDECIDED, EXIT_USAGE
from proxy.cli.render import put, table
from proxy.cli.wording import counted, file_fault
from proxy.contracts.settings import Settings
from proxy.control.capture.format import Captured, UnreadableLineError
from proxy.control.capture.gaps import CaptureGaps
from proxy.control.capture.reading import CaptureFiles
from proxy.control.capture.replay import Rehearsal, replay
from proxy.release.audit import plain

BREACHES = frozenset({"rollback", "pause", "notify"})
"""Actions that a breach leads to, one for each `on_breach`."""


class Progress:
    """Captured legs, counted as they pass, with what they lack; the count is shown on a terminal, since a large file
    takes minutes."""

    def __init__(self, legs: Iterator[Captured], gaps: CaptureGaps) -> None:
        self._legs, self._gaps, self.count = legs, gaps, 0

    def __iter__(self) -> Iterator[Captured]:
        for leg in self._legs:
            self.count += 1
            self._gaps.take(leg)
            if self.count % 10_000 == 0 and sys.stderr.isatty():
                print(f"\r{self.count:,} records", end="", file=sys.stderr, flush=True)
            yield leg


def show_backtest(settings: Settings, paths: Sequence[Path], as_json: bool) -> int:
    """Prints the actions of a rehearsal, and what the records cannot tell; the exit code: 1 if a limit was breached in
    it, 5 if none was as far as the records go, and they do not go as far as the limits.

    Raises typer.Exit for a file that cannot be read.
    """
    gaps = CaptureGaps(settings)
    try:
        files = CaptureFiles(paths)
        legs = Progress(files.legs(), gaps)
        with quiet():
            rehearsal = replay(settings, legs, files.labels(), gaps.labelled)
    except OSError as error:
        print(f"penumbra backtest: {file_fault(error)}", file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    except UnreadableLineError as error:
        print(f"penumbra backtest: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    missing = gaps.told(files.files, rehearsal.verdicts(), bool(rehearsal.acts))
    noted = (*files.repeated, *gaps.noted())
    if as_json:
        _as_json(rehearsal, legs.count, missing, noted)
    else:
        _as_tables(rehearsal, legs.count)
        _as_sentences(missing, noted)
    rehearsal.close()
    if any(act.action in BREACHES for act in rehearsal.acts):
        return EXIT_NO
    return EXIT_UNDECIDED if missing else 0


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


def _as_json(rehearsal: Rehearsal, count: int, missing: Sequence[str], noted: Sequence[str]) -> None:
    said = {"records": count, "acts": plain(rehearsal.acts), "verdicts": plain(rehearsal.verdicts())}
    print(dumps(said | {"missing": missing, "notes": noted}))


def _as_sentences(missing: Sequence[str], noted: Sequence[str]) -> None:
    for sentence in (*noted, *[f"not judged: {each}" for each in missing]):
        print(f"\n{sentence}")


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
