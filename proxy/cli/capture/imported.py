"""`penumbra capture import`: files of others as a sealed capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from proxy import files
from proxy.cli.capture.cloud_events import Skipped, exchanges_of_events
from proxy.cli.capture.columns import READERS, UnusableRows, rows_of
from proxy.cli.capture.labelled_rows import RowForm, exchanges_of_rows
from proxy.cli.capture.perf_analyzer import TensorTypes, exchanges_of_inputs
from proxy.cli.capture.requests import ForeignExchange, Numbering
from proxy.control.capture.flat import lines_of
from proxy.control.capture.format import FORMAT, Captured, Header, parsed
from proxy.control.capture.sampling import stratum_of
from proxy.control.capture.seal import OpenSegment

ImportForm = Literal["auto", "export", "rows", "perf-analyzer", "cloudevents"]

EVENT_NAMES = tuple(
    map(
        frozenset,
        (
            ("type", "id"),
            ("headers",),
            ("request", "response"),
            ("_source",),
            ("ReqType", "Bytes"),
            ("req_type", "bytes"),
        ),
    )
)
"""Members by which a line is one of a request log."""


class ImportOptions(Struct, frozen=True):
    """Options of the command."""

    route: str
    version: str
    form: ImportForm
    rows: RowForm
    types: TensorTypes


class Imported(Struct):
    """What came of it."""

    form: ImportForm
    legs: int = 0
    labels: int = 0
    skipped: Skipped = field(default_factory=Skipped)


def import_file(path: Path, output: Path, options: ImportOptions) -> Imported:
    """Writes a capture of what is in a file. Raises UnusableRows, UnreadableLineError, OSError."""
    form = options.form if options.form != "auto" else form_of(path)
    done = Imported(form)
    with files.putting(output) as file:
        file.writelines(_sealed(_lines(path, form, options, done.skipped), path, done))
    return done


def form_of(path: Path) -> ImportForm:
    """The form of a file, by its name and its first row. Raises UnusableRows, OSError."""
    if path.suffix == ".json":
        return "perf-analyzer"
    if path.suffix not in READERS:
        raise UnusableRows(f"{path}: found {path.suffix or 'no suffix'}; allowed: .json, {', '.join(READERS)}")
    _, first = next(iter(rows_of(path)), ("", {}))
    if "raw" in first:
        return "export"
    if path.suffix != ".csv" and any(names <= first.keys() for names in EVENT_NAMES):
        return "cloudevents"
    return "rows"


def _lines(path: Path, form: ImportForm, options: ImportOptions, skipped: Skipped) -> Iterator[list[bytes]]:
    if form == "export":
        for where, row in rows_of(path):
            yield list(lines_of(row, where))
        return
    numbering = Numbering(options.route, options.version, path.name)
    for each in _foreign(path, form, options, skipped):
        yield numbering.lines(each)


def _foreign(path: Path, form: ImportForm, options: ImportOptions, skipped: Skipped) -> Iterable[ForeignExchange]:
    if form == "perf-analyzer":
        return exchanges_of_inputs(path, options.rows.model, options.types, options.rows.path)
    if form == "cloudevents":
        return exchanges_of_events(path, options.rows.model, skipped, options.rows.path)
    return exchanges_of_rows(rows_of(path), options.rows)


def _sealed(groups: Iterable[list[bytes]], path: Path, done: Imported) -> Iterator[bytes]:
    segment = OpenSegment()
    yield segment.header(Header(penumbra_capture=FORMAT, made=f"import of {path.name}", began=0.0, bodies=True))
    for line in chain.from_iterable(groups):
        yield segment.add(line)
        leg = parsed(line)
        if not isinstance(leg, Captured):
            done.labels += 1
            continue
        done.legs += 1
        if leg.path:
            segment.count(stratum_of([leg]), leg.weight, leg.started, leg.finished)
    if not done.legs:
        raise UnusableRows(f"{path}: nothing to import")
    yield segment.seal()
