"""Exact counts from ticks: every request that finished, monotone since control's start, whatever is under judgement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container

from proxy.contracts.endpoint_state import worst
from proxy.contracts.memory import SHED
from proxy.contracts.outcome import OUTCOMES, Outcome
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.table import COPY_ROLES
from proxy.stats.counts.latency_window import Histogram, Window

ArmName = tuple[str, str, str]
"""Route, version, role."""

_PLACES: dict[Outcome, int] = {outcome: place for place, outcome in enumerate(OUTCOMES)}


MAX_STATUSES = 40
"""Statuses of one arm that are told apart; a server can answer with nine hundred. Further ones count as their class."""


class ArmCounts:
    """One arm: legs by code and by outcome, and latencies, since the start and of the last minute.

    Latencies of the last minute are of inferences alone, and an abandoned one counts with the time that its client had
    waited, as it does in a scorecard.
    """

    __slots__ = (
        "_recent_outcomes",
        "codes",
        "connect",
        "first_byte",
        "outcomes",
        "recent_first_byte",
        "recent_total",
        "total",
    )

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.outcomes: Counter[Outcome] = Counter()
        self.total, self.first_byte, self.connect = Histogram(), Histogram(), Histogram()
        self.recent_total, self.recent_first_byte = Window(), Window()
        self._recent_outcomes = Window()

    def _told_apart(self, code: str) -> str:
        """The code under which a leg counts: its own, or that of its class (`4xx`) where it is one status too many."""
        if code in self.codes or not code.isdecimal() or sum(map(str.isdecimal, self.codes)) < MAX_STATUSES:
            return code
        return f"{code[0]}xx"

    @property
    def counted(self) -> int:
        """The inferences that rates are parts of."""
        return sum(count for outcome, count in self.outcomes.items() if OUTCOMES[outcome].counted)

    def recent_outcomes(self, now: float) -> dict[Outcome, int]:
        """The legs of the last minute by outcome."""
        counts = self._recent_outcomes.get(now)
        return {outcome: counts.get(place, 0) for outcome, place in _PLACES.items()}

    def update(self, arm: ArmTick, now: float) -> None:
        """Adds the counts of one tick."""
        outcomes = arm.outcomes()
        for code, count in arm.codes.items():
            self.codes[self._told_apart(code)] += count
        self.outcomes.update(outcomes)
        self._recent_outcomes.update({_PLACES[outcome]: count for outcome, count in outcomes.items()}, now)
        self.total.update(arm.total, arm.total_sum)
        self.first_byte.update(arm.first_byte, arm.first_byte_sum)
        self.connect.update(arm.connect, arm.connect_sum)
        if arm.inference:
            self.recent_total.update(arm.total, now)
            self.recent_total.update(arm.waited, now)
            self.recent_first_byte.update(arm.first_byte, now)


class Counters:
    """All arms and everything else that ticks count. Bounded by the configuration: routes x versions x roles x codes.

    Not mergeable as a whole, because gauges are of workers: a fleet adds ticks instead.

    >>> counters = Counters()
    >>> counters.update(Tick(0, "a", 1, 1, mirrored=[("r", "v2", 10)], shadow_dropped=[("r", "v2", "memory", 1)]), 0.0)
    >>> counters.coverage("r", "v2")
    0.9
    """

    __slots__ = (
        "_endpoints",
        "_inflight",
        "_streams",
        "_under_way",
        "arms",
        "ejections",
        "handshakes",
        "lag",
        "malformed",
        "mirrored",
        "not_rescued",
        "not_retried",
        "not_rewritten",
        "overhead",
        "records_dropped",
        "rejected",
        "rescued",
        "resolutions",
        "retries",
        "shadow_dropped",
        "shed",
        "unread_keys",
    )

    def __init__(self) -> None:
        self.arms: defaultdict[ArmName, ArmCounts] = defaultdict(ArmCounts)
        self.shadow_dropped: Counter[tuple[str, str, str]] = Counter()
        self.mirrored: Counter[tuple[str, str]] = Counter()
        self.rescued: Counter[tuple[str, str, str]] = Counter()
        self.retries: Counter[tuple[str, str, str]] = Counter()
        self.not_rescued: Counter[tuple[str, str, str]] = Counter()
        self.not_retried: Counter[tuple[str, str, str]] = Counter()
        self.resolutions: Counter[tuple[str, str]] = Counter()
        self.ejections: Counter[tuple[str, str]] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.malformed: Counter[tuple[str, str, str]] = Counter()
        self.not_rewritten: Counter[tuple[str, str, str, str]] = Counter()
        self.unread_keys: Counter[tuple[str, str]] = Counter()
        self.handshakes: Counter[tuple[str, str]] = Counter()
        self.records_dropped: Counter[str] = Counter()
        self.shed: Counter[str] = Counter(dict.fromkeys(SHED, 0))
        self.overhead: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.lag: defaultdict[int, Histogram] = defaultdict(Histogram)
        self._inflight: dict[int, tuple[float, dict[ArmName, int]]] = {}
        self._under_way: dict[int, dict[ArmName, float]] = {}
        self._endpoints: dict[int, dict[str, dict[str, str]]] = {}
        self._streams: dict[int, dict[ArmName, int]] = {}

    def update(self, tick: Tick, now: float) -> None:
        """Adds one tick. The caller sees to it that each tick comes once."""
        for arm in tick.arms:
            self.arms[arm.route, arm.version, arm.role].update(arm, now)
        for route, version, reason, count in tick.shadow_dropped:
            self.shadow_dropped[route, version, reason] += count
        for route, version, count in tick.mirrored:
            self.mirrored[route, version] += count
        for route, version, reason, count in tick.rescued:
            self.rescued[route, version, reason] += count
        for route, version, reason, count in tick.retries:
            self.retries[route, version, reason] += count
        for route, version, reason, count in tick.not_rescued:
            self.not_rescued[route, version, reason] += count
        for route, version, reason, count in tick.not_retried:
            self.not_retried[route, version, reason] += count
        for version, outcome, count in tick.resolutions:
            self.resolutions[version, outcome] += count
        for version, reason, count in tick.ejections:
            self.ejections[version, reason] += count
        if tick.endpoints is not None:
            self._endpoints[tick.worker] = tick.endpoints
        for route, reason, count in tick.rejected:
            self.rejected[route, reason] += count
        for route, version, rule, count in tick.malformed:
            self.malformed[route, version, rule] += count
        for route, version, message, reason, count in tick.not_rewritten:
            self.not_rewritten[route, version, message, reason] += count
        for route, reason, count in tick.unread_keys:
            self.unread_keys[route, reason] += count
        for side, result, count in tick.handshakes:
            self.handshakes[side, result] += count
        self.records_dropped.update(tick.records_dropped)
        self.shed.update(tick.shed)
        for route, buckets in tick.overhead.items():
            self.overhead[route].update(buckets, tick.overhead_sum.get(route, 0.0))
        self.lag[tick.worker].update(tick.lag, tick.lag_sum)
        inflight = {(route, version, role): count for route, version, role, count in tick.inflight}
        self._inflight[tick.worker] = (now, inflight)
        self._streams[tick.worker] = {(route, version, role): count for route, version, role, count in tick.streams}
        self._under_way[tick.worker] = {
            (route, version, role): now - age for route, version, role, age in tick.under_way
        }

    def drop_records(self, reason: str, count: int) -> None:
        """Counts records that control lost itself; those that workers lost come with ticks."""
        self.records_dropped[reason] += count

    def inflight(self, now: float) -> dict[ArmName, int]:
        """Legs in flight at the workers that have reported in the last `STALE_SECONDS` seconds."""
        alive: Counter[ArmName] = Counter()
        for at, arms in self._inflight.values():
            if now - at < STALE_SECONDS:
                alive.update(arms)
        return dict(alive)

    def streams(self) -> dict[ArmName, int]:
        """Streams open at the workers that have reported lately when the last one did; 0 where there were legs."""
        newest = max((at for at, _ in self._inflight.values()), default=0.0)
        alive: Counter[ArmName] = Counter({arm: 0 for arm in self.arms if arm[2] not in COPY_ROLES})
        for worker, arms in self._streams.items():
            if newest - self._inflight[worker][0] < STALE_SECONDS:
                alive.update(arms)
        return dict(alive)

    def endpoints(self, now: float) -> dict[str, dict[str, str]]:
        """By version the state of each address, as the worst off of the workers sees it that have reported in the last
        `STALE_SECONDS` seconds."""
        alive = [told for worker, told in self._endpoints.items() if now - self._inflight[worker][0] < STALE_SECONDS]
        return {
            name: worst([told.get(name, {}) for told in alive]) for name in {name for told in alive for name in told}
        }

    def oldest(self, route: str, versions: Container[str], role: str, now: float) -> float | None:
        """When the oldest inference under way of some versions in a role began, as far as the workers tell that have
        reported in the last `STALE_SECONDS` seconds; None: there is none."""
        began = (
            since
            for worker, arms in self._under_way.items()
            if now - self._inflight[worker][0] < STALE_SECONDS
            for (name, version, its), since in arms.items()
            if name == route and version in versions and its == role
        )
        return min(began, default=None)

    def under_way(self, now: float) -> list[tuple[str, str, str, float]]:
        """Inferences under way at those workers: rows (route, version, role, seconds since the oldest began)."""
        oldest: dict[ArmName, float] = {}
        for worker, arms in self._under_way.items():
            if now - self._inflight[worker][0] < STALE_SECONDS:
                for arm, since in arms.items():
                    oldest[arm] = min(oldest.get(arm, since), since)
        return [(*arm, max(now - since, 0.0)) for arm, since in oldest.items()]

    def coverage(self, route: str, version: str) -> float | None:
        """The part of the copies owed to a shadow that was not dropped, 0 to 1; None before the first."""
        owed = self.mirrored.get((route, version), 0)
        if not owed:
            return None
        lost = sum(n for (r, v, _), n in self.shadow_dropped.items() if (r, v) == (route, version))
        return max(owed - lost, 0) / owed


STALE_SECONDS = 3.0
"""Seconds without a tick after which a worker's gauges no longer count: thirty ticks missed, so it is gone."""
