"""What is kept of a release beside its audit: whom it touched, what each arm answered, how the evidence grew.

The audit has every change with its verdicts, for ever; these facts are bounded, and of the requests of one sidecar.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from proxy.contracts.outcome import OUTCOMES
from proxy.contracts.release import Outcome


class ArmAnswer(Struct):
    """What one arm answered a request."""

    version: str
    role: str
    code: str
    """Its status, or why the leg failed."""
    outcome: str
    seconds: float


class FailedRequest(Struct):
    """A request that went wrong at a version under judgement."""

    request_id: str
    at: float
    """Unix time at which the leg began."""
    answer: ArmAnswer
    other: ArmAnswer | None = None
    """The primary's answer: in its place where it was rescued, beside it where it was a copy."""
    rescued: bool = False
    detail: str = ""
    """What its body, or its message, was wrong about."""


class MomentLine(Struct, array_like=True):
    """A line of the scorecard at a moment."""

    metric: str
    bound: str
    version: str
    route: str
    outcome: Outcome
    value: float | str | None
    """`inf` where it is infinite, None where there is none."""
    limit: float | None
    n: int
    evidence: float | str
    """Natural logarithm of the evidence of a breach."""
    own: float | str | None = None
    """The candidate's figure, and the primary's; likewise."""
    reference: float | str | None = None
    n_reference: int = 0
    lost: int = 0
    needed: int | None = None


class Moment(Struct):
    """How the verdicts stood at a time between changes."""

    at: float
    phase: str
    stage: int
    requests: int
    lines: list[MomentLine] = []


CHARGED = frozenset(outcome for outcome, row in OUTCOMES.items() if row.charge == "version")
"""Outcomes that a version is charged with."""


class Touched(Struct):
    """Exact counts of a version's legs in one role, by outcome."""

    version: str
    role: str
    outcomes: dict[str, int] = field(default_factory=dict)
    invalid: int = 0
    """Those of the good ones whose bodies are no answer, of the bodies that were looked at."""

    @property
    def bad(self) -> int:
        """What the version is charged with, by heads and connections, and by bodies."""
        charged = sum(count for name, count in self.outcomes.items() if name in CHARGED)
        return charged + self.invalid

    @property
    def legs(self) -> int:
        """All of them."""
        return sum(self.outcomes.values())


class StoryCounts(Struct):
    """The exact counts of a story, which are kept with the evidence that counts the same requests."""

    began: float
    """Of which story they are."""
    touched: list[Touched]
    requests: int
    rescued: dict[str, int]
    first_bad: float | None
    last_bad: float | None


class FleetStory(Struct):
    """The counts of one time under judgement of a route, in a whole fleet."""

    candidates: tuple[str, ...]
    counts: StoryCounts
    releasing: bool = False
    over: bool = False
    plan: str = ""
    """As `StoryFacts` has it."""


class StoryFacts(Struct):
    """What is kept of one time under judgement of a route."""

    route: str
    candidates: tuple[str, ...]
    began: float
    """Unix time."""
    ended: float | None = None
    touched: list[Touched] = field(default_factory=list)
    requests: int = 0
    """Requests of the route that got a live leg, those of its primary too."""
    rescued: dict[str, int] = field(default_factory=dict)
    """Requests that the primary answered in place of a candidate, by reason."""
    first_bad: float | None = None
    """Unix time at which the first bad leg of a candidate began; likewise the last."""
    last_bad: float | None = None
    keys: list[int] = field(default_factory=list)
    """The smallest hashes of the sticky keys that met a candidate, each once (`control.stories.sketch`)."""
    keyed: int = 0
    """Records of candidates that had a key."""
    seen: int = 0
    """Records of candidates that were looked at; where there are fewer than legs, users may be missing."""
    sticky: bool = False
    """Whether the route knows users at all."""
    failed: list[FailedRequest] = field(default_factory=list)
    disagreements: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    fleet: StoryCounts | None = None
    """The counts of all sidecars, as the fleet's judge told of them last; None: in no fleet, or before it did."""
    every: float = 5.0
    """Seconds between moments; doubled whenever there are too many."""
    plan: str = ""
    """Of which plan it tells (`transitions.plan_mark`); "": it was begun by an earlier version, which did not say."""

    @property
    def bad(self) -> int:
        """Requests that went wrong at a candidate, whether or not they are among `failed`."""
        return sum(row.bad for row in self.touched)

    @property
    def counts(self) -> StoryCounts:
        """What is exact of it."""
        return StoryCounts(self.began, self.touched, self.requests, self.rescued, self.first_bad, self.last_bad)

    def take(self, counts: StoryCounts) -> None:
        """Goes back to counts of an earlier moment."""
        self.touched, self.requests, self.rescued = counts.touched, counts.requests, counts.rescued
        self.first_bad, self.last_bad = counts.first_bad, counts.last_bad
