"""What is held of a run, as sentences about what was not so. Values in, sentences out: no processes, no clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.process.chaos.clients import Result
from tests.process.chaos.schedule import Fault
from tests.process.chaos.visible import unexplained

KEPT = ("phase", "primary", "split", "rolled_back")
"""Fields of a route that a command sets, and that stay until the next one."""


@dataclass(frozen=True)
class Sample:
    """`/metrics` at one moment. `born`: when the process that told them began, in Unix seconds."""

    at: float
    values: Mapping[str, float]

    @property
    def born(self) -> float:
        """The start of control."""
        return self.values.get("process_start_time_seconds", 0.0)


@dataclass(frozen=True)
class Seen:
    """A route as the admin API showed it between `began` and `ended`."""

    began: float
    ended: float
    route: str
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command(Seen):
    """A change that was asked for. `status` 0: its answer was lost. `document` is that of an acknowledgement."""

    what: str = ""
    status: int = 0


def of_clients(results: Iterable[Result], faults: Sequence[Fault]) -> list[str]:
    """Results that no fault of their time explains."""
    odd = [each for each in results if unexplained(each.result, each.route, each.began, each.ended, faults)]
    return [f"{each.route}: {each.result} from {each.began:.2f} to {each.ended:.2f} s" for each in odd]


def of_counters(samples: Sequence[Sample]) -> list[str]:
    """Counters that went back without a new process."""
    found = []
    for before, after in pairwise(samples):
        if before.born == after.born:
            found += [
                f"{name} went from {value:g} to {after.values.get(name, 0.0):g} at {after.at:.2f} s"
                for name, value in before.values.items()
                if is_counter(name) and after.values.get(name, 0.0) < value
            ]
    return found


def is_counter(name: str) -> bool:
    """Whether a sample is a counter's, or a histogram's."""
    bare = name.partition("{")[0]
    return bare.startswith("penumbra_") and bare.endswith(("_total", "_count", "_bucket", "_sum"))


def total(sample: Sample, metric: str, **labels: str) -> float:
    """The sum over all samples of a metric that have these labels."""
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(
        value
        for name, value in sample.values.items()
        if name.partition("{")[0] == metric and all(label in name for label in wanted)
    )


def counted(sample: Sample, route: str) -> float:
    """Requests of a route: those that got a leg, by assignment, and those that got none."""
    roles = ("primary", "canary", "baseline")
    legs = sum(total(sample, "penumbra_requests_total", route=route, role=role) for role in roles)
    return legs + total(sample, "penumbra_rejected_total", route=route)


def of_pairs(sample: Sample, route: str) -> list[str]:
    """Whether every due pair agrees, differs, is lost or waits."""
    due = total(sample, "penumbra_pairs_due_total", route=route)
    dropped = total(sample, "penumbra_shadow_dropped_total", route=route)
    ended = total(sample, "penumbra_pairs_total", route=route)
    waiting = total(sample, "penumbra_pairs_waiting", route=route)
    if due == ended - dropped + waiting:
        return []
    return [f"{route}: {due:g} pairs were due, {ended:g} have a result ({dropped:g} not sent), {waiting:g} wait"]


def of_changes(seen: Iterable[Seen], commands: Sequence[Command]) -> list[str]:
    """Acknowledged changes that are not there later."""
    found = []
    for each in seen:
        past = [c for c in commands if c.route == each.route and c.began < each.ended]
        last = past[-1] if past else None
        if last is None or last.ended > each.began or not last.document:
            continue
        gone = {
            key: (last.document[key], each.document[key]) for key in KEPT if last.document[key] != each.document[key]
        }
        if gone:
            found.append(f"{each.route} at {each.began:.2f} s: {last.what} of {last.began:.2f} s is gone: {gone}")
    return found[:3]


def settled(commands: Iterable[Command]) -> list[Command]:
    """Commands whose answer tells the state: a refused one has changed nothing, so the one before it stands; after one
    whose answer was lost nobody knows."""
    standing: dict[str, Mapping[str, Any]] = {}
    found = []
    for each in commands:
        if each.status == 200:
            standing[each.route] = each.document
        elif each.status == 0:
            standing.pop(each.route, None)
        found.append(Command(each.began, each.ended, each.route, standing.get(each.route, {}), each.what, each.status))
    return found


def of_rollbacks(seen: Iterable[Seen], commands: Sequence[Command], harmless: Sequence[str]) -> list[str]:
    """Healthy versions that were rolled back, and broken ones that got traffic again by themselves."""
    found: list[str] = []
    before: dict[str, Seen] = {}
    for each in sorted(seen, key=lambda one: one.began):
        last = before.get(each.route, each)
        before[each.route] = each
        if any(c.route == each.route and c.began <= each.ended and c.ended >= last.began for c in commands):
            continue
        was, now = set(last.document["rolled_back"]), set(each.document["rolled_back"])
        if now - was and each.route in harmless:
            found.append(f"{each.route}: false alarm at {each.began:.2f} s: {each.document.get('reason', '')}")
        if was - now:
            found.append(f"{each.route}: {was - now} is back at {each.began:.2f} s by itself")
    return found


def longest_silence(answered: Sequence[tuple[float, float]], excused: Iterable[tuple[float, float]]) -> float:
    """The most seconds between two answers of control that no time of `excused` (from, until) touches. `answered`: when
    each was asked for, and when it came."""
    spans = list(excused)
    gaps = [
        after - before
        for (_, before), (_, after) in pairwise(answered)
        if not any(begin <= after and before <= end for begin, end in spans)
    ]
    return max(gaps, default=0.0)


def of_log(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """Tracebacks, and mistakes that the program found itself."""
    texts = [f"{line.get('event', '')} {line.get('error', '')}" for line in lines]
    bad = [text for text in texts if "Traceback" in text or "a mistake of this program" in text]
    return [f"{n} × in the log: {text[:2000]}" for text, n in Counter(bad).items()]


def of_growth(before: Mapping[str, int], after: Mapping[str, int], most: int, what: str) -> list[str]:
    """Figures of a process that are more than `most` above what they were."""
    return [
        f"{name} has {after[name]:,} {what}, {before[name]:,} before"
        for name in before.keys() & after.keys()
        if after[name] > before[name] + most
    ]
