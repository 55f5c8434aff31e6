"""The judge of a replay: exchanges in the order of the capture, through statistics and scorecard as in production.

1. Exchanges are judged in the capture's order, however their answers come, and looked at after numbers of them that
   depend on nothing else: the same capture and the same answers give the same verdict.
2. Time is that of the capture. Each look moves it on by a tick at least, so that windows and waits work as live.
3. A breach at any look decides, as it would have taken the candidate off; inputs that drifted blame the world, and
   decide nothing. A pass is of the whole capture, which may lie in an order: it needs what the last stage before a
   promote needs, at the end of all of it, or of exchanges at even distances. Where there is more to be had than those
   (`surveyed`), it needs the requests of a stage besides, and proof of every line that has one.
4. What is in the capture only because its kind is rare is no evidence: a failure that was picked for being one is no
   chance. It is compared on a board of its own (`rare`), and shown.
5. More than a tenth of the exchanges that could not be replayed hold a pass back: they may be what differs.
6. A file at whose end lines may be missing holds a pass back: it may have been cut before what differs.
7. Calls whose messages nobody reads count by their status, and are compared with nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct, field

from proxy.contracts.histogram import Buckets, add
from proxy.contracts.identity import MAX_TICK_IDENTITIES, bounded
from proxy.contracts.message import field_of
from proxy.contracts.metrics import METRICS, MetricKind
from proxy.contracts.record import TICK_SECONDS, ArmTick
from proxy.contracts.release import Outcome, Verdict
from proxy.contracts.replay import Arm
from proxy.control.capture.exchanges import CapturedExchange, is_unread
from proxy.control.capture.format import Captured, arms_of
from proxy.control.capture.replay import Rehearsal
from proxy.control.profiles import Profiles
from proxy.control.replay.asking import NO_INFERENCE, Replayed, legs_of
from proxy.control.replay.trial import Trial
from proxy.release.decide import INPUT_METRICS
from proxy.release.scorecard import MAX_LOSS, overall
from proxy.stats.identity.watch import CONFIRM, Given

FIRST_LOOK = 10
"""Exchanges before the first look: garbage and refusals show in as many."""
LATER_LOOKS = 0.15
"""Part of the exchanges so far after which the next look follows: sequential tests may be looked at whenever one likes,
and a look at the whole scorecard costs as much as some dozen exchanges."""
MAX_BETWEEN = 1000
"""Exchanges between two looks, at most."""
MAX_WAITING_BYTES = 8 * 1024 * 1024
"""Bytes of requests and answers that wait for the next look; more, and it comes at once."""

PARTIAL = "only the beginning of the capture was replayed, and a pass is of the whole of it"
"""Why what looks good is no pass."""

UNFINISHED = "{} has no seal at the end and may have been cut; --unsealed lets a file pass that is still written"
"""Why what looks good in files without a seal at their end is no pass."""

PROVABLE: frozenset[MetricKind] = frozenset(("rate", "paired"))
"""Kinds of lines that can be proved to be within their limit."""

SETTLING_SECONDS = 5.0
"""Seconds of the capture's time after its end in which rows that wait are counted."""


class Decision(NamedTuple):
    """What the scorecard said at one look."""

    outcome: Outcome
    sentence: str
    needed: int | None
    lines: tuple[Verdict, ...]


class ArmTally(Struct):
    """The legs of one arm."""

    version: str
    codes: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    times: Buckets = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, arm: ArmTick) -> None:
        """Counts legs."""
        self.codes.update(arm.codes)
        self.outcomes.update(arm.outcomes())
        add(self.times, arm.total)
        self.seconds += arm.total_sum


class ReplayJudge:
    """`take` or `skip` each exchange in its order; `decided` once the evidence has; `end` when nothing more comes.

    - `in_part`: what was sent is the beginning of a capture and no more, which no pass is of
    - `unfinished`: files of the capture that may have been cut at their end, "": none
    - `rehearsal`: engine and board; None before the first exchange; `rare`: those of rare kinds, whose verdict is none
    - `arms`: legs by arm
    - `unread`: requests that count by their status alone
    - `answered_as`: who gave the candidate's answers, as these said, with the model that was asked for
    - `skipped`: exchanges that could not be replayed, by reason; `answered`: versions that gave the recorded answers
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.rehearsal: Rehearsal | None = None
        self.rare: Rehearsal | None = None
        self.arms: dict[Arm, ArmTally] = {}
        self.answered_as: dict[Given, None] = {}
        self.skipped: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.sent = self.redacted = self.labels = self.rare_sent = self.unread = 0
        self.first = self.last = 0.0
        self.decided: Decision | None = None
        self.in_part = False
        self.unfinished = ""
        self.profile_fault = ""
        self._breach: Decision | None = None
        self._waiting: list[Captured] = []
        self._unread: list[Captured] = []
        self._labels: list[tuple[str, object]] = []
        self._waiting_bytes = 0
        self._beside: Arm = "recorded"
        self._now = 0.0
        self._next_look = FIRST_LOOK

    # -- what comes

    def skip(self, exchange: CapturedExchange, reason: str) -> None:
        """An exchange that could not be replayed."""
        self._see(exchange)
        self.skipped[reason] += 1

    def take(self, replayed: Replayed) -> None:
        """An exchange with the answers to it."""
        exchange = replayed.exchange
        first = exchange.first
        finished = first.finished
        self._see(exchange)
        if first.redacted or (len(exchange.legs) > 1 and exchange.redacted):
            self.redacted += 1
        legs = legs_of(replayed, self.trial.section.primary, self.trial.candidate)
        unread = is_unread(first)
        if first.extra:
            self._show([] if unread else legs, finished)
            return
        self.sent += 1
        self.answered[first.version] += 1
        self._beside = "recorded" if replayed.primary is None else "primary"
        if unread:
            self.unread += 1
            self._unread += legs
        else:
            self._waiting += legs
        if finished > self._now:
            self._now = finished
        if exchange.label is not None:
            self.labels += 1
            self._labels.append((first.request_id, exchange.label))
        for leg in legs:
            self._waiting_bytes += len(leg.request or b"") + len(leg.response or b"")
        if self.sent >= self._next_look or self._waiting_bytes >= MAX_WAITING_BYTES:
            self._next_look = self.sent + min(max(int(self.sent * LATER_LOOKS), FIRST_LOOK), MAX_BETWEEN)
            self._look()

    def surveyed(self) -> None:
        """What was taken are exchanges at even distances of the whole capture: a pass may be decided on them."""
        if self._waiting or self._unread:
            self._look()
        if self.decided is None and self.rehearsal is not None:
            found = self._verdict()
            self.decided = found if self._is_proved(found) else None

    def end(self) -> Decision:
        """The decision on all that was taken."""
        if self.rehearsal is None and not (self._waiting or self._unread):
            return Decision("undecided", f"nothing was replayed{self._why_skipped()}", self.trial.requests, ())
        if self._waiting or self._unread:
            self._look()
        if self._breach is not None:
            return self._breach
        engine = self._begun().engine
        for after in (0.5, 1.0):
            engine.on_time(self._now + after * SETTLING_SECONDS)
        return self._breach or self._held_back(self._verdict())

    def close(self) -> None:
        """Frees what the rehearsals keep."""
        for each in (self.rehearsal, self.rare):
            if each is not None:
                each.close()

    def _show(self, legs: list[Captured], now: float) -> None:
        """Compares what is no evidence."""
        self.rare = self.rare or Rehearsal(self.trial.settings, now)
        self.rare_sent += 1
        self.rare.observe(legs, now)

    def _see(self, exchange: CapturedExchange) -> None:
        started = exchange.legs[0].started
        if not self.first or started < self.first:
            self.first = started
        if started > self.last:
            self.last = started

    def _count(self, arms: list[ArmTick]) -> None:
        for each in arms:
            if each.role != "noise":
                arm: Arm = "candidate" if each.role == "shadow" else self._beside
                self.arms.setdefault(arm, ArmTally(each.version)).add(each)

    # -- looks

    def _begun(self) -> Rehearsal:
        if self.rehearsal is None:
            self.rehearsal = Rehearsal(self.trial.settings, self._now)
            profiles = Profiles(self.rehearsal.board)
            profiles.use(self.rehearsal.engine.settings.routes)
            self.profile_fault = profiles.faults.get(self.trial.route, "")
        return self.rehearsal

    def _look(self) -> None:
        rehearsal, legs, labels = self._begun(), self._waiting, self._labels
        self._now += TICK_SECONDS
        arms = arms_of(legs + self._unread)
        self._name(arms, legs)
        self._waiting, self._unread, self._labels, self._waiting_bytes = [], [], [], 0
        self._count(arms)
        rehearsal.count(arms, self._now)
        rehearsal.observe(legs, self._now)
        for request_id, label in labels:
            rehearsal.board.on_label(request_id, label, self._now)
        rehearsal.engine.on_time(self._now)
        self._note_who_answers(rehearsal)
        self._decide(self._verdict())

    def _name(self, arms: list[ArmTick], legs: list[Captured]) -> None:
        """What a header says of who gave the candidate's answers, as workers count it."""
        watched = self.trial.section.analysis.identity
        if watched.source != "header":
            return
        name = watched.name.encode()
        said = [field_of(leg.response_fields, name) for leg in legs if leg.role == "shadow" and leg.outcome == "good"]
        known = Counter(bounded(f"{watched.name}={value.decode('latin-1')}") for value in said if value)
        for arm in arms:
            if arm.role == "shadow" and arm.inference:
                arm.identities = dict(known.most_common(MAX_TICK_IDENTITIES))

    def _note_who_answers(self, rehearsal: Rehearsal) -> None:
        watch = rehearsal.board.answerers.of(self.trial.route).get(self.trial.candidate)
        for each in watch.get() if watch is not None else ():
            if each.n >= CONFIRM:
                self.answered_as[each.asked, each.identity] = None

    def _verdict(self) -> Decision:
        engine = self._begun().engine
        lines = engine.status(self.trial.route).verdicts
        total = overall(lines)
        return Decision(total.outcome, total.sentence, total.needed, lines)

    def _decide(self, found: Decision) -> None:
        failed = [line for line in found.lines if line.outcome == "fail"]
        if self._breach is None and any(line.metric not in INPUT_METRICS for line in failed):
            self._breach = self.decided = found

    def _is_proved(self, found: Decision) -> bool:
        """Whether nothing more is needed, though there is more."""
        if found.outcome != "pass" or self.sent < self.trial.requests:
            return False
        if self.unfinished or self._too_much_skipped():
            return False
        provable = (line for line in found.lines if METRICS[line.metric].kind in PROVABLE and not line.moot)
        return all(line.proved for line in provable) and not self._is_wavering()

    def _is_wavering(self) -> bool:
        return self._begun().board.wavering(self.trial.route)

    def _held_back(self, found: Decision) -> Decision:
        if found.outcome == "fail":
            return found._replace(
                outcome="undecided", sentence=f"inputs drifted, which blames no version: {found.sentence}"
            )
        if found.outcome == "pass" and self.in_part:
            return found._replace(outcome="undecided", sentence=PARTIAL)
        if found.outcome == "pass" and self.unfinished:
            return found._replace(outcome="undecided", sentence=UNFINISHED.format(self.unfinished))
        if found.outcome == "pass" and self._too_much_skipped():
            return found._replace(outcome="undecided", sentence=f"too little could be replayed{self._why_skipped()}")
        return found

    # -- what was not replayed

    @property
    def lost(self) -> int:
        """Inferences that could not be replayed."""
        return sum(n for reason, n in self.skipped.items() if reason != NO_INFERENCE)

    def _too_much_skipped(self) -> bool:
        return self.lost > MAX_LOSS * (self.sent + self.lost)

    def _why_skipped(self) -> str:
        if not self.skipped:
            return ": there is no exchange of the route in the capture"
        return f": {reasons(self.skipped.items())}"


def reasons(skipped: Iterable[tuple[str, int]]) -> str:
    """Exchanges that were not replayed, by reason, in words."""
    return "; ".join(f"{n:,} x {reason}" for reason, n in sorted(skipped, key=lambda each: (-each[1], each[0])))
