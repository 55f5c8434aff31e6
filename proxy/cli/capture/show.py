"""`penumbra capture show`: what is in a capture, as tables or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Any

from proxy.cli.render import put, table
from proxy.cli.wording import counted
from proxy.control.capture.exchanges import INCOMPARABLE, UNREPLAYABLE, exchanges_of
from proxy.control.capture.reading import CaptureFiles
from proxy.control.capture.summary import CaptureSummary


def show_capture(paths: Sequence[Path], as_json: bool) -> None:
    """Prints what is in capture files. Raises UnreadableLineError, OSError."""
    files, summary = CaptureFiles(paths), CaptureSummary()
    for exchange in exchanges_of(files):
        summary.take(exchange)
    said = summary.described(files)
    print(dumps(said)) if as_json else _as_tables(said, files.repeated)


def _as_tables(said: Mapping[str, Any], noted: Sequence[str]) -> None:
    rows = [(each["path"], each["lines"], each["unsealed"] or "sealed", each["sha256"]) for each in said["files"]]
    put(table(None, ("file", "lines", "seal", "sha256"), rows))
    print(
        f"\n{counted(said['exchanges'], 'exchange')} of {counted(said['legs'], 'leg')}, "
        f"{counted(said['labels'], 'label')}{_between(said['first'], said['last'])}\n"
    )
    if not said["exchanges"]:
        return
    put(table(None, ("route", "version", "role", "code", "legs"), [each.values() for each in said["arms"]]))
    print()
    strata = [(each["stratum"], each["exchanges"], f"{each['weight']:,.0f}") for each in said["strata"]]
    put(table(None, ("stratum", "exchanges", "stand for"), strata))
    print(f"\nbodies: {said['bodies']['requests']:,} of requests, {said['bodies']['answers']:,} of answers")
    for line in (*noted, *_sentences(said)):
        print(line)


def _sentences(said: Mapping[str, Any]) -> list[str]:
    lines = []
    if said["rare"]:
        lines.append(f"{said['rare']:,} exchanges were captured for being rare, and are no part of the uniform sample")
    lines += [f"{n:,} cannot be sent again: {UNREPLAYABLE[why]}" for why, n in said["unreplayable"].items()]
    lines += [f"{n:,} have no answer to compare: {INCOMPARABLE[why]}" for why, n in said["incomparable"].items()]
    lines += [f"redacted in {n:,} legs: {pointer}" for pointer, n in said["redacted"].items()]
    lines += [f"{n:,} withheld by redaction, {what}" for what, n in said["withheld"].items()]
    return lines


def _between(first: float, last: float) -> str:
    return f", from {_when(first)} to {_when(last)}" if last else ""


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
