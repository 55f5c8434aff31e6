"""A replay's report as headed tables: what is said, in what order, in what words. `markdown` and `page` set them.

The tables are the same for the same capture and servers, but for those marked `timed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from json import dumps
from math import isinf, isnan
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from proxy.contracts.durations import in_units
from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.contracts.replay import Agreement, DifferentAnswers, ReplayReport

MAX_CELL = 300
"""Characters of a value in a table: a prompt has pages."""

WORDS = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
"""Verdicts, as a headline has them."""

Row = tuple[str, ...]


class ReportTable(Struct, frozen=True):
    """A headed table. Cells are plain text."""

    title: str
    columns: Row
    rows: tuple[Row, ...]
    note: str = ""
    timed: bool = False
    """Whether it depends on the clock and the machine."""
    verdicts: bool = False
    """Whether its second column is a verdict."""
    foreign: bool = False
    """Whether its cells are what clients and servers wrote."""


def headline(report: ReplayReport) -> str:
    """The result in one line."""
    return f"Replay of {report.candidate} on route {report.route}: {WORDS[report.verdict]}"


def summary(report: ReplayReport) -> str:
    """Why, and how much that rests on."""
    compared = f"{report.primary} at {report.beside}" if report.beside else f"the recorded answers of {report.primary}"
    missing = sum(report.counts.skipped.values())
    further = f", about {report.needed:,} more are needed" if report.verdict == "undecided" and report.needed else ""
    return (
        f"{report.sentence}. {report.counts.sent:,} requests were judged against {compared}, {missing:,} could not be "
        f"replayed{further}; {ENDINGS[report.ending]}."
    )


ENDINGS = {
    "complete": "it ended with the capture",
    "decided": "it ended with the decision",
    "requests": "it ended with the number of requests that was asked for",
    "interrupted": "it was interrupted",
}


def sections(report: ReplayReport) -> list[ReportTable]:
    """All tables that have rows."""
    made = (
        _scorecard("Scorecard", report.lines, timed=False),
        _scorecard("Times, on the machine of the replay", report.run.lines if report.run else (), timed=True),
        _worst("Worst disagreements", report, report.agreement),
        _worst("Disagreements on rare requests, no evidence", report, report.rare),
        _outcomes(report),
        _drift(report),
        _latencies(report),
        _skipped(report),
        _notes(report),
        _provenance(report),
        _run(report),
    )
    return [section for section in made if section.rows]


def _scorecard(title: str, lines: tuple[Verdict, ...], timed: bool) -> ReportTable:
    columns = ("metric", "verdict", "candidate", "limit", "primary", "n", "lost", "in words")
    rows = tuple(
        (
            METRICS[line.metric].title if line.metric in METRICS else line.metric,
            verdict(line),
            figure(line.value),
            f"{line.bound} {figure(line.limit)}".strip(),
            figure(line.reference),
            f"{line.n:,}",
            f"{line.lost:,}",
            line.sentence,
        )
        for line in lines
    )
    return ReportTable(title, columns, rows, timed=timed, verdicts=True)


def verdict(line: Verdict) -> str:
    """The verdict on a line; a line that can have no data has none."""
    return "not judged" if line.moot else line.outcome


def figure(value: float | None) -> str:
    """A number in four digits; what is none, in words."""
    if value is None:
        return "–"
    if isnan(value):
        return "undefined"
    if isinf(value):
        return "infinite"
    return f"{value:.4g}"


def _worst(title: str, report: ReplayReport, found: Agreement) -> ReportTable:
    columns = ("request", "rule", "apart by", "asked", report.primary, report.candidate)
    note = f"{found.disagreements:,} of {found.pairs:,} pairs disagree, {found.lost:,} could not be compared"
    if found.kinds:
        note += f" ({_counted(found.kinds)})"
    if found.noise_pairs:
        own = f"{found.noise_disagreements:,} of {found.noise_pairs:,}"
        note += f"; {report.primary} differs from itself in {own}"
    return ReportTable(title, columns, tuple(map(_answers, found.worst)), f"{note}.", foreign=True)


def _answers(worst: DifferentAnswers) -> Row:
    row = f", row {worst.row}" if worst.row else ""
    told = worst.comparer or rule(worst.kind)
    shown = (value(worst.detail.get(side)) for side in ("request", "primary", "candidate"))
    return f"{worst.request_id}{row}", told, figure(worst.shift), *shown


RULES = {
    "status": "no answer of success",
    "json": "its answer is no JSON",
    "schema": "its answer is none of the protocol",
    "empty_body": "its answer is empty",
    "error_in_body": "its answer is an error",
    "error_in_stream": "its answer is an error",
    "unfinished_stream": "its answer has no end",
    "not_a_number": "it predicts NaN or an infinite number",
}
"""Rules by which an answer differs that is none, in words; others are those of comparisons, by their names."""


def rule(kind: str) -> str:
    """By what rule an answer differs."""
    return RULES.get(kind, kind)


def value(found: Any) -> str:
    """A value as one line, of bounded length."""
    if isinstance(found, Mapping):
        text = ", ".join(f"{name}: {_single(inner)}" for name, inner in found.items())
    else:
        text = "" if found is None else _single(found)
    text = " ".join(text.split())
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


def _single(found: Any) -> str:
    if isinstance(found, float):
        return f"{found:.6g}"
    return found if isinstance(found, str) else dumps(found)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))


def _outcomes(report: ReplayReport) -> ReportTable:
    rows = tuple(
        (each.arm, each.version, _counted(each.outcomes), _counted(each.codes), _counted(each.invalid))
        for each in report.outcomes
    )
    return ReportTable("Outcomes", ("arm", "version", "outcomes", "codes", "answers that are none"), rows)


def _drift(report: ReplayReport) -> ReportTable:
    order = sorted(report.drift, key=lambda each: (not each.drifted, -each.psi, each.feature, each.arm))
    rows = tuple(
        (each.feature, each.side, each.arm, figure(each.psi), "yes" if each.drifted else "no", f"{each.n:,}")
        for each in order
    )
    return ReportTable(
        "Drift from the profile", ("feature", "of", "arm", "PSI", "drifted", "rows"), rows, report.finding
    )


def _latencies(report: ReplayReport) -> ReportTable:
    times = report.run.latencies if report.run else ()
    names = tuple(times[0].quantiles) if times else ()
    rows = tuple(
        (
            each.arm,
            f"{each.n:,}",
            *(_milliseconds(each.quantiles.get(name)) for name in names),
            _milliseconds(each.mean),
        )
        for each in times
    )
    return ReportTable("Latency", ("arm", "n", *names, "mean"), rows, timed=True)


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.3g} ms"


def _skipped(report: ReplayReport) -> ReportTable:
    rows = tuple((reason, f"{count:,}") for reason, count in sorted(report.counts.skipped.items()))
    return ReportTable("Not replayed", ("why", "exchanges"), rows)


def _notes(report: ReplayReport) -> ReportTable:
    return ReportTable("Not judged", ("what, and why",), tuple((note,) for note in report.notes))


def _provenance(report: ReplayReport) -> ReportTable:
    return ReportTable("What this is about", ("", ""), tuple(_facts(report)))


def _facts(report: ReplayReport) -> Iterator[Row]:
    yield "candidate", f"{report.candidate} at {report.against}"
    if report.answered_as:
        yield "it answered as", " and ".join(dict.fromkeys(each.identity for each in report.answered_as))
    if report.image:
        yield "image", report.image
    for name, origin in asdict(report.lineage).items():
        if origin:
            yield name.replace("_", " "), origin
    capture = report.capture
    sealed = "sealed" if capture.sealed else "not sealed"
    yield "capture", f"{', '.join(capture.files)}: {capture.exchanges:,} exchanges of the route, {sealed}"
    if capture.sha256:
        yield "SHA-256 of the capture", capture.sha256
    if capture.exchanges:
        yield "captured", f"{time(capture.first)} to {time(capture.last)}"
    if capture.versions:
        yield "recorded answers of", _counted(capture.versions)
    if capture.labels:
        yield "labels", f"{capture.labels:,}"
    if report.counts.rare:
        yield "requests of rare kinds", f"{report.counts.rare:,}, which are no evidence"
    if report.counts.redacted:
        yield "redacted requests", f"{report.counts.redacted:,}"
    yield "SHA-256 of the route's configuration", report.settings
    yield "false alarm", f"at most {report.false_alarm:g} for a healthy candidate"
    yield "judged by", f"penumbra {report.penumbra}"


def _run(report: ReplayReport) -> ReportTable:
    if report.run is None:
        return ReportTable("The run", (), ())
    run = report.run
    rows = (
        *(("note", note) for note in run.notes),
        ("began", time(run.began)),
        ("took", f"{in_units(run.seconds)}, {in_units(run.cpu)} of CPU"),
        ("sent", f"{run.sent:,} requests"),
    )
    return ReportTable("The run", ("", ""), rows, timed=True)


def time(at: float) -> str:
    """Unix time as UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
