"""The one door to statistics: ticks and observations in, evidence and counts out.

What control does with it:

- `watch(route, candidate, primary, guard, protocol, now)` whenever the live state may have changed: evidence starts
  afresh when one of them did; otherwise nothing happens.
- `absorb(tick, now)` for each tick, `observe(observations, now)` for each batch that payload decoded.
- `evidence(route, now)`: one `Evidence` for each limit of the guard's scorecard, in its order. A metric that nothing
  is known of has n = 0. `log_breach` is already corrected for the number of limits: breach is at
  ln(1/guard.false_alarm).
- For /metrics and the API, all monotone and untouched by `watch`: `counters` (arms, drops, rescues, rejections,
  overhead, coverage, inflight), `unreadable`, `agreement(route, version)`, `latency(route, version, role, q, now)`.

`now` is monotonic seconds. Nothing here raises on any tick or observation that decodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard
from proxy.contracts.table import Protocol, Role
from proxy.stats.agreement import Pairing, Tally, compare
from proxy.stats.case import Case, Habits, Subject
from proxy.stats.counters import Counters


class Board:
    """All statistics of one control process."""

    __slots__ = ("_cases", "_habits", "_pairing", "_tallies", "counters", "unreadable")

    def __init__(self) -> None:
        self.counters = Counters()
        self.unreadable: Counter[tuple[str, str, str, str, str]] = Counter()
        self._habits: defaultdict[tuple[str, str, int], Habits] = defaultdict(Habits)
        self._cases: dict[str, tuple[Case, ...]] = {}
        self._pairing = Pairing()
        self._tallies: defaultdict[tuple[str, str, Role], Tally] = defaultdict(Tally)

    def watch(
        self, route: str, candidate: str | None, primary: str, guard: Guard, protocol: Protocol, now: float
    ) -> None:
        """Says what is under judgement on `route`."""
        self.watch_all(route, (candidate,) if candidate else (), primary, guard, protocol, now)

    def watch_all(
        self, route: str, candidates: tuple[str, ...], primary: str, guard: Guard, protocol: Protocol, now: float
    ) -> None:
        """Says which versions are under judgement on `route`, each against the primary. Without any, its primary is
        learnt. The first one meets what was learnt before it came; each further one learns for itself."""
        before = self._cases.get(route, ())
        subjects = [Subject(candidate, primary, guard, protocol) for candidate in candidates or (None,)]
        self._cases[route] = tuple(
            next((case for case in before if case.subject == subject), None)
            or Case(subject, self._habits[route, primary, place])
            for place, subject in enumerate(subjects)
        )

    def absorb(self, tick: Tick, now: float) -> None:
        """Counts a tick. It must come once; the link sees to that."""
        self.counters.update(tick, now)
        for route, arms in _by_route(tick.arms).items():
            for case in self._cases.get(route, ()):
                case.absorb(arms, now)

    def observe(self, observations: Iterable[Observation], now: float) -> None:
        """Takes in what payload made of a batch of records."""
        for seen in observations:
            self._note_unreadable(seen)
            for reference, copy in self._pairing.update(seen, now):
                self._compare(reference, copy)
        self._pairing.expire(now)

    def _note_unreadable(self, seen: Observation) -> None:
        for side, reason in (("request", seen.unreadable_request), ("response", seen.unreadable_response)):
            if reason:
                self.unreadable[seen.route, seen.version, seen.role, side, reason] += 1

    def _compare(self, reference: Observation, copy: Observation) -> None:
        difference = compare(reference, copy)
        if difference is None:
            return
        self._tallies[copy.route, copy.version, copy.role].update(difference)
        for case in self._cases.get(copy.route, ()):
            if copy.role == "shadow" and copy.version == case.subject.candidate:
                case.disagreement.update(difference.disagree)

    def evidence(self, route: str, now: float) -> tuple[Evidence, ...]:
        """What is known of the candidates of `route`, in their order; empty without one."""
        cases = [case for case in self._cases.get(route, ()) if case.subject.candidate is not None]
        return tuple(evidence for case in cases for evidence in case.evidence())

    def agreement(self, route: str, version: str, role: Role = "shadow") -> Tally:
        """Paired comparisons since the start; role `noise` is the primary against itself."""
        return self._tallies.get((route, version, role), Tally())

    @property
    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        return dict(self._pairing.unpaired)

    def failures(self, route: str, version: str) -> tuple[int, int]:
        """Bad and all finished legs of `version` as the primary of `route`, since the start."""
        arm = self.counters.arms.get((route, version, "primary"))
        return (arm.bad, sum(arm.codes.values())) if arm else (0, 0)

    def latency(self, route: str, version: str, role: Role, q: float, now: float) -> float | None:
        """The q-quantile of the total latency over the last minute, in seconds; None without data."""
        arm = self.counters.arms.get((route, version, role))
        return arm.recent_total.quantile(q, now) if arm else None


def _by_route(arms: Iterable[ArmTick]) -> dict[str, list[ArmTick]]:
    routes: defaultdict[str, list[ArmTick]] = defaultdict(list)
    for arm in arms:
        routes[arm.route].append(arm)
    return routes
