"""Schedules of faults: values that follow from a seed alone, so that what failed can be run again.

1. A fault is active from `at` until `at + seconds`; at most `MOST_AT_ONCE` are at the same time.
2. Two of one group never are, nor two of groups that exclude each other: a supervisor is not killed while a limit or a
   disk that it would start with is broken, nor whoever has the state open just after its file was deleted.
3. The last `QUIET_SECONDS` of a schedule are without a fault: sums and memory are looked at then.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_AT_ONCE = 4
QUIET_SECONDS = 4.0
LONGEST_GAP = 1.0
"""Seconds between the beginnings of two faults, at most."""
BEGIN = 1.0
"""Seconds before the first fault."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: `least` to `most` seconds of it, `amounts` of what it has a number of.

    - `rows`: beginnings of the rows of docs/reliability.md that say what a client may see of it; none: nothing
    - `routes`: where that may be seen; none: everywhere
    - `grace`: seconds for which it may still be seen after its end
    """

    group: str
    least: float
    most: float
    rows: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    amounts: tuple[int, int] = (1, 1)
    weight: int = 2
    grace: float = 2.0


KILLED_WORKER, STANDS_STILL, KILLED, NO_RESOURCES, CROWD, PRIMARY_DOWN, PRIMARY_LATE, AS_IT_IS, CUT = (
    "a worker is killed",
    "the proxy itself stands still",
    "the supervisor is killed",
    "the proxy's host has no descriptor",
    "more clients than two fifths",
    "the primary cannot be reached",
    "the primary is late",
    "an answer of a successful status is",
    "a version dies in the middle",
)
CRASHED, ANSWERS_5XX = "a version crashes while it works", "a version answers 5xx"
HANGS, NO_MEMORY = "a worker hangs", "the worker has no memory"

KINDS: dict[str, Kind] = {
    "kill-worker": Kind("worker", 0.0, 0.0, (KILLED_WORKER,), grace=4.0),
    "stop-worker": Kind("worker", 0.1, 3.0, (STANDS_STILL, HANGS), grace=4.0),
    "kill-control": Kind("control", 0.0, 0.0),
    "stop-control": Kind("control", 0.1, 3.0),
    "kill-supervisor": Kind("supervisor", 0.0, 0.0, (KILLED,), weight=1, grace=8.0),
    "restart": Kind("supervisor", 0.0, 0.0, (KILLED,), weight=1, grace=8.0),
    "full-disk": Kind("disk", 0.5, 3.0),
    "folder-gone": Kind("disk", 0.5, 3.0),
    "file-gone": Kind("deletion", 0.0, 0.0, grace=3.0),
    "few-files": Kind("limits", 0.5, 2.0, (NO_RESOURCES, CROWD), amounts=(0, 8)),
    "cpu-quota": Kind("limits", 1.0, 3.0, (STANDS_STILL, HANGS), amounts=(15, 60), grace=4.0),
    **{f"canary-{how}": Kind("canary", 0.5, 3.0) for how in ("dead", "hung", "drip", "garbage", "reset", "busy")},
    **{
        f"shadow-{how}": Kind("shadow", 0.5, 3.0, weight=1)
        for how in ("dead", "hung", "drip", "garbage", "huge", "reset", "cut", "nan", "error")
    },
    "primary-dead": Kind("primary", 0.3, 2.0, (PRIMARY_DOWN, CRASHED), ("weak",)),
    "primary-reset": Kind("primary", 0.3, 2.0, (PRIMARY_DOWN, CRASHED), ("weak",)),
    "primary-garbage": Kind("primary", 0.3, 2.0, (PRIMARY_DOWN,), ("weak",)),
    "primary-hung": Kind("primary", 0.3, 2.0, (PRIMARY_LATE, PRIMARY_DOWN), ("weak",), grace=4.0),
    "primary-cut": Kind("primary", 0.3, 2.0, (CUT,), ("weak",)),
    "primary-nan": Kind("primary", 0.3, 2.0, (AS_IT_IS,), ("weak",)),
    "primary-error": Kind("primary", 0.3, 2.0, (ANSWERS_5XX,), ("weak",)),
    "slow-heads": Kind("crowd", 1.0, 4.0, amounts=(10, 60)),
    "half-uploads": Kind("crowd", 1.0, 4.0, (NO_MEMORY,), amounts=(5, 30)),
    "two-byte-uploads": Kind("crowd", 1.0, 4.0, amounts=(20, 100)),
    "slow-readers": Kind("crowd", 1.0, 4.0, (NO_MEMORY,), amounts=(5, 30)),
    "many-clients": Kind("crowd", 0.5, 3.0, (CROWD,), amounts=(50, 400)),
    "aborts": Kind("rude", 0.5, 3.0, amounts=(2, 8)),
    "garbage": Kind("rude", 0.5, 3.0, amounts=(2, 8)),
    "pipelines": Kind("rude", 0.5, 3.0, amounts=(1, 4)),
    "bombs": Kind("rude", 0.5, 3.0, amounts=(1, 4)),
    "long-names": Kind("rude", 0.5, 3.0, amounts=(1, 3)),
    "slow-admins": Kind("admin-crowd", 0.5, 3.0, amounts=(5, 40)),
    "reload": Kind("file", 0.0, 0.0),
    "broken-file": Kind("file", 0.5, 2.0),
    "commands": Kind("admin", 0.3, 2.0, amounts=(1, 8), weight=6),
}
"""Every kind of fault. `injector` has what each of them does."""

EXCLUDED: dict[str, frozenset[str]] = {
    "supervisor": frozenset(("worker", "control", "disk", "deletion", "limits", "file")),
    "limits": frozenset(("supervisor", "worker", "control", "deletion")),
    "worker": frozenset(("supervisor", "limits")),
    "control": frozenset(("supervisor", "limits", "deletion")),
    "disk": frozenset(("supervisor", "deletion")),
    "deletion": frozenset(("supervisor", "control", "disk", "limits")),
    "file": frozenset(("supervisor",)),
}
"""Groups that a group is never active with (rule 2)."""


@dataclass(frozen=True)
class Fault:
    """One fault; times in seconds since the beginning of its schedule."""

    at: float
    seconds: float
    kind: str
    amount: int = 1

    @property
    def end(self) -> float:
        """When it is over."""
        return self.at + self.seconds

    def __str__(self) -> str:
        number = f" ({self.amount})" if KINDS[self.kind].amounts != (1, 1) else ""
        return f"{self.at:7.2f} s  {self.kind}{number}" + (f" for {self.seconds:.2f} s" if self.seconds else "")


def schedule(seed: int, seconds: float, kinds: Sequence[str] = tuple(KINDS)) -> tuple[Fault, ...]:
    """The faults of one run, by their beginning."""
    draw = random.Random(seed)
    weights = [KINDS[kind].weight for kind in kinds]
    faults: list[Fault] = []
    at = BEGIN
    while at < seconds - QUIET_SECONDS:
        kind = draw.choices(kinds, weights)[0]
        fault = _fault(draw, kind, at)
        if fault.end <= seconds - QUIET_SECONDS and fits(fault, faults):
            faults.append(fault)
        at += draw.uniform(0.1, LONGEST_GAP)
    return tuple(faults)


def _fault(draw: random.Random, name: str, at: float) -> Fault:
    kind = KINDS[name]
    return Fault(round(at, 3), round(draw.uniform(kind.least, kind.most), 3), name, draw.randint(*kind.amounts))


def fits(fault: Fault, others: Iterable[Fault]) -> bool:
    """Whether a fault may be beside those that were chosen before it (rules 1 and 2). What is over at once is felt for
    the time of its grace."""
    beside = [other for other in others if _felt_until(other) > fault.at]
    group = KINDS[fault.kind].group
    groups = {KINDS[other.kind].group for other in beside}
    return len(beside) < MOST_AT_ONCE and group not in groups and not groups & EXCLUDED.get(group, frozenset())


def _felt_until(fault: Fault) -> float:
    return fault.end + (KINDS[fault.kind].grace if KINDS[fault.kind].most == 0.0 else 0.0)
