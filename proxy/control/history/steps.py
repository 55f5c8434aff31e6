"""A step: what one route did in one stretch of time. Steps join without loss.

- Counts and histograms are sums over ticks, so those of a longer step are the sums of the shorter ones, and a quantile
  of a longer step is that of its merged histogram: none is ever a mean of quantiles.
- Evidence and drift keep their maximum, so that no peak vanishes in a longer step; splits, values and n their last.
- `seen` is the number of seconds with a tick. A stretch without any has no step: nobody knows what was in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct, field

from proxy.contracts.histogram import Buckets, add
from proxy.contracts.outcome import OUTCOMES

Arm = tuple[str, str]
"""Version and role."""

PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}
"""Outcome to its place in `ArmStep.outcomes`."""


class ArmStep(Struct, array_like=True):
    """Legs of one arm that finished in a step."""

    outcomes: list[int] = field(default_factory=lambda: [0] * len(PLACES))
    latencies: Buckets = field(default_factory=dict)
    """Of inferences; an abandoned one counts with the time that its client had waited."""
    untimed: int = 0
    """Latencies that there was no room for; where there are any, no quantile is known."""


class LineStep(Struct, array_like=True):
    """A line of the scorecard."""

    progress: float
    """Logarithm of the evidence over that of the threshold: the limit is breached from 1 up."""
    value: float | None
    limit: float | None
    n: int


class FeatureStep(Struct, array_like=True):
    """One of the features that were furthest from the profile."""

    psi: float
    drifted: bool


class TimeStep(Struct, array_like=True):
    """Keys of counts by arm are (version, role)."""

    start: int
    """Unix seconds at its beginning."""
    seconds: int
    """Its length."""
    seen: int = 0
    arms: dict[Arm, ArmStep] = field(default_factory=dict)
    pairs: dict[Arm, tuple[int, int]] = field(default_factory=dict)
    """Compared pairs, and those that differ."""
    contents: dict[Arm, tuple[int, int]] = field(default_factory=dict)
    """Answers that were analysed, and those whose body says that they failed."""
    copies: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By version copies that were due, and those that were dropped."""
    rescued: dict[str, int] = field(default_factory=dict)
    """By version requests that the primary answered in its place."""
    rejected: int = 0
    """Requests that never got a leg."""
    split: dict[str, float] = field(default_factory=dict)
    """Percents of live traffic as decided."""
    lines: dict[tuple[str, str, str], LineStep] = field(default_factory=dict)
    """By metric, bound and version."""
    drift: dict[tuple[str, str, str, str], FeatureStep] = field(default_factory=dict)
    """By feature, side, version and role."""


def fold(into: TimeStep, step: TimeStep) -> None:
    """Adds a later step to an earlier one, or to an empty one."""
    into.seen = min(into.seen + step.seen, into.seconds or into.seen + step.seen)  # a second of two processes is one
    into.rejected += step.rejected
    for key, arm in step.arms.items():
        _fold_arm(into.arms.setdefault(key, ArmStep()), arm)
    for mine, theirs in ((into.pairs, step.pairs), (into.contents, step.contents)):
        for key, counts in theirs.items():
            mine[key] = _sum(mine.get(key, (0, 0)), counts)
    for version, counts in step.copies.items():
        into.copies[version] = _sum(into.copies.get(version, (0, 0)), counts)
    for version, count in step.rescued.items():
        into.rescued[version] = into.rescued.get(version, 0) + count
    into.split = dict(step.split) or into.split
    for line, told in step.lines.items():
        before = into.lines.get(line)
        progress = max(before.progress, told.progress) if before else told.progress
        into.lines[line] = LineStep(progress, told.value, told.limit, told.n)
    for feature, far in step.drift.items():
        was = into.drift.get(feature, far)
        into.drift[feature] = FeatureStep(max(was.psi, far.psi), was.drifted or far.drifted)


def _fold_arm(into: ArmStep, arm: ArmStep) -> None:
    for place, count in enumerate(arm.outcomes):
        into.outcomes[place] += count
    add(into.latencies, arm.latencies)
    into.untimed += arm.untimed


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def joined(steps: Iterable[TimeStep], seconds: int) -> list[TimeStep]:
    """Steps of any shorter lengths as steps of `seconds`, in order of time; what was not seen is not in it."""
    by_start: dict[int, TimeStep] = {}
    for step in sorted(steps, key=_start):
        start = step.start - step.start % seconds
        if start not in by_start:
            by_start[start] = TimeStep(start, seconds)
        fold(by_start[start], step)
    return list(by_start.values())


def _start(step: TimeStep) -> int:
    return step.start


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TimeStep]).decode

MAX_JOINED = 15
"""Steps of one block at most: so many have a header of one byte."""
MAX_UNPACKED = 16 << 20
"""Bytes of a block when it is unpacked: four times what ten seconds of one route have, all latencies there are room
for being its own."""


def packed(steps: Sequence[bytes]) -> bytes:
    """At most `MAX_JOINED` encoded steps as a block."""
    return zlib.compress(bytes([0x90 | len(steps)]) + b"".join(steps), 1)


def unpacked(block: bytes) -> list[TimeStep]:
    """The steps of a block. Raises ValueError on what is none."""
    try:
        unpacking = zlib.decompressobj()
        steps = _decode(unpacking.decompress(block, MAX_UNPACKED))
        if not unpacking.eof:  # so it has no checksum either
            raise ValueError("no block of steps: it has no end")
        return steps
    except (zlib.error, msgspec.MsgspecError, TypeError) as error:  # TypeError: it is no bytes, by a damaged file
        raise ValueError(f"no block of steps: {error}") from error
