"""Why a stage does not end: a warning for each line that stands still, or is out of reach, with its cause.

Whether anything comes is told by counts: something stands still that has not grown for `LEAST_SECONDS`, and for
`PATIENCE` times as long as its mean pause in this stage so far, so that a quiet route is no warning. The first cause of
this order that holds is said:

1. the stage can never end, by the rules of `release.validation`;
2. no request of the stage reaches the candidate: nothing else can be expected then;
3. more of a line is lost than a verdict may rest on;
4. nothing feeds a line: by its source, `FAULTS` looks for the reason;
5. a line has its data, and a decision is further away than `SENSIBLE_REQUESTS`, or out of reach at the present rate.

An assumed line of which nothing has come holds no stage, so it is no warning. Each is logged once in a stage.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct, field

from proxy.contracts.metrics import METRICS, MetricSource
from proxy.contracts.notices import Notice
from proxy.contracts.release import Verdict
from proxy.control.route_control import RouteControl
from proxy.release.scorecard import MAX_LOSS
from proxy.release.validation import never_ends, never_fed
from proxy.stats.board import Board

log = logging.getLogger("penumbra.warnings")

LEAST_SECONDS = 15.0
"""Seconds without anything new that are no chance on a route with traffic: ticks and bodies come within a second."""
PATIENCE = 10.0
"""Mean pauses without anything new: by chance e⁻¹⁰."""
SENSIBLE_REQUESTS = 100_000
"""Further observations for a decision beyond which a stage is as good as endless."""
CLEAR_OBSERVATIONS = 1000
"""Observations before it is said that a decision is out of reach: fewer say little about a rate."""

Key = tuple[str, str, str]
"""Version, metric and limit; empty for the requests of the stage."""
Marks = Mapping[str, int]
"""Counts of a route that say why something is not fed."""


class Feed(Struct):
    """A count that should grow."""

    first: int
    began: float
    n: int
    grew: float
    """Monotonic seconds of the last growth."""

    def still(self, n: int, now: float) -> bool:
        """Takes in the count of now; whether it has stood still for too long."""
        if n != self.n:
            self.n, self.grew = n, now
        pause = (self.grew - self.began) / max(self.n - self.first, 1)
        return now - self.grew > max(LEAST_SECONDS, PATIENCE * pause)


class Watch(Struct):
    """One stage under watch."""

    moment: tuple[float, float, int]
    """Of the state and of its stage: a new one begins a new watch."""
    marks: Marks
    """As they were at its beginning."""
    feeds: dict[Key, Feed] = field(default_factory=dict)
    told: set[Key] = field(default_factory=set)


class Standstills:
    """`update` with each look; `of` is what to show."""

    __slots__ = ("_found", "_watches")

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}
        self._found: dict[str, dict[Key, Notice]] = {}

    def of(self, route: str) -> list[Notice]:
        """The warnings of a route."""
        return list(self._found.get(route, {}).values())

    def update(self, routes: Mapping[str, RouteControl], board: Board, now: float) -> None:
        """Looks at every stage that is on its way."""
        self._found = {name: self._look(name, route, board, now) for name, route in routes.items()}
        for name in self._watches.keys() - routes.keys():
            del self._watches[name]

    def _look(self, name: str, route: RouteControl, board: Board, now: float) -> dict[Key, Notice]:
        if route.state.phase == "paused" or route.situation.stage is None:
            self._watches.pop(name, None)
            return {**_unfed(route), **dict(_without_copies(route))}
        watch = self._watch(name, route, board, now)
        found = _endless(route) or self._causes(watch, route, board, now)
        for key in found.keys() - watch.told:
            log.warning("%s: %s", name, found[key].text)
        watch.told |= found.keys()
        return found

    def _watch(self, name: str, route: RouteControl, board: Board, now: float) -> Watch:
        state = route.state
        moment = (state.since, state.stage_since, state.stage)
        watch = self._watches.get(name)
        if watch is None or watch.moment != moment:
            watch = self._watches[name] = Watch(moment, _marks(route, board))
        return watch

    def _causes(self, watch: Watch, route: RouteControl, board: Board, now: float) -> dict[Key, Notice]:
        lines = [verdict for verdict in route.status.verdicts if _holds(verdict, route)]
        marks = _marks(route, board)
        feeds = {_key(line): line.n for line in lines} | {REQUESTS: route.status.legs, ASKED: marks["asked"]}
        still = {key for key, n in feeds.items() if watch.feeds.setdefault(key, Feed(n, now, n, now)).still(n, now)}
        stage = route.situation.stage
        waits = bool(lines) or (stage is not None and route.status.legs < stage.requests)
        if REQUESTS in still and waits:
            return {REQUESTS: Notice("stage-unreached", _unreached(route, comes=ASKED not in still))}
        since = Counter(marks) - Counter(watch.marks)
        causes = {_key(line): _cause(line, _key(line) in still, route, since) for line in lines}
        return {key: cause for key, cause in causes.items() if cause.text}


REQUESTS: Key = ("", "", "")
ASKED: Key = ("", "", "asked")
"""Inferences of the route, whoever answers them."""


def _endless(route: RouteControl) -> dict[Key, Notice]:
    release, stage = route.state.release, route.state.stage + 1
    problems = never_ends(release, route.section.reading) if release is not None else ()
    return {
        ("", problem.path, "endless"): Notice(
            "stage-endless", f"stage {stage} can never end: release.{problem.path}: {problem.found}"
        )
        for problem in problems
    }


def _unfed(route: RouteControl) -> dict[Key, Notice]:
    """Lines of a route without a release that its protocol never feeds."""
    guard, protocol = route.section.guard, route.section.reading
    lines = [metric for metric in guard.scorecard if metric not in guard.assumed]
    faults = {metric: never_fed(metric, protocol) for metric in lines if route.state.phase == "steady"}
    told = {metric: Notice("line-unfed", f"scorecard.{metric}: {fault}") for metric, fault in faults.items() if fault}
    return {("", metric, "unfed"): notice for metric, notice in told.items()}


def _key(line: Verdict) -> Key:
    return line.version, line.metric, line.bound


def _holds(line: Verdict, route: RouteControl) -> bool:
    """Whether the stage waits for a line."""
    if line.outcome != "undecided" or not line.counts:
        return False
    return not line.aim or (route.state.release is not None and route.state.release.promote_winner)


def _unreached(route: RouteControl, comes: bool) -> str:
    """`comes`: the route has inferences now."""
    names = " and ".join(route.situation.candidates)
    what = "copy" if route.situation.stage and not route.situation.stage.canary else "request"
    why = "the route has inferences, and its part gets none" if comes else "no inference comes to the route"
    return f"stage {route.state.stage + 1} stands still: no {what} that asks the model reaches {names}: {why}"


NOTHING = Notice("", "")


def _cause(line: Verdict, still: bool, route: RouteControl, since: Marks) -> Notice:
    about, stage = f"{line.metric} of {line.version}", f"stage {route.state.stage + 1}"
    if line.lost > MAX_LOSS * (line.n + line.lost):
        lost = line.lost / (line.n + line.lost)
        if _source(line) == "bodies" and not (line.n or still):
            return NOTHING  # records come a moment after their ticks
        why = LOSSES[_source(line)](line, route, since)
        return Notice("line-lost", f"{stage} stands still: {lost:.0%} of {about} is lost: {why}")
    if still:
        fault = FAULTS[_source(line)](line, route, since)
        return Notice("line-unfed", f"{stage} stands still: nothing feeds {about}: {fault}")
    if line.needed is not None and line.needed > SENSIBLE_REQUESTS:
        return Notice("decision-far", f"{stage} may never end: {about} takes about {line.needed:,} more to decide")
    if line.needed is None and line.n >= CLEAR_OBSERVATIONS:
        why = "is in sight at the present rate"
        return Notice("decision-far", f"{stage} may never end: no decision on {about} {why}")
    return NOTHING


def _source(line: Verdict) -> MetricSource:
    return METRICS[line.metric].source


def _pairs(line: Verdict, route: RouteControl, since: Marks) -> str:
    if line.version not in route.situation.shadows:
        return "this stage makes no copies to compare"
    dropped = {key.removeprefix("dropped "): n for key, n in since.items() if key.startswith("dropped ")}
    if dropped:
        return "copies are dropped: " + ", ".join(f"{reason} {n:,}" for reason, n in sorted(dropped.items()))
    return _bodies(line, route, since)


def _bodies(line: Verdict, route: RouteControl, since: Marks) -> str:
    if since.get("sampled"):
        return f"analysis_cpu leaves bodies out, {since['sampled']:,} so far"
    if since.get("unread"):
        return f"{since['unread']:,} bodies could not be read as {route.section.reading}"
    if line.metric == "time_to_first_token":
        return "no answer is a stream"
    if METRICS[line.metric].unit in ("tokens", "currency"):
        return "no answer tells its tokens (`usage`; of streams, clients may have to ask for it)"
    return f"no body of {route.section.reading} has what it needs"


def _unlabelled(line: Verdict, route: RouteControl, since: Marks) -> str:
    return "whether a label comes depends on the version"


def _labels(line: Verdict, route: RouteControl, since: Marks) -> str:
    if since.get("unscored"):
        return f"{since['unscored']:,} labels are of another kind than the predictions"
    if since.get("unknown"):
        return f"{since['unknown']:,} labels are of requests that are unknown, or waited too long"
    if since.get("labels"):
        return "labels come, and none for its predictions"
    return "no label comes to POST /v1/feedback"


FAULTS: dict[MetricSource, Callable[[Verdict, RouteControl, Marks], str]] = {
    "ticks": lambda line, route, since: line.sentence,
    "bodies": _bodies,
    "pairs": _pairs,
    "labels": _labels,
}
"""Source of a metric to why nothing comes from it."""

LOSSES = {**FAULTS, "pairs": _pairs, "labels": _unlabelled}
"""Source of a metric to why much of it is lost."""


def _marks(route: RouteControl, board: Board) -> dict[str, int]:
    name, versions = route.state.route, route.situation.candidates
    arms = [arm.outcomes for (each, _, _), arm in board.counters.arms.items() if each == name]
    marks = {
        "asked": sum(outcomes.total() - outcomes["not_an_inference"] for outcomes in arms),
        "sampled": board.counters.records_dropped["sampled"],
        "unread": sum(n for (each, *_), n in board.unreadable.items() if each == name),
        "unscored": sum(n for key, n in board.unscored.items() if key[0] == name and key[1] in versions),
        "unknown": board.feedbacks.get("unknown", 0),
        "labels": sum(board.feedbacks.values()),
    }
    for (each, version, reason), n in board.counters.shadow_dropped.items():
        if each == name and version in versions:
            marks[f"dropped {reason}"] = marks.get(f"dropped {reason}", 0) + n
    return marks


def _without_copies(route: RouteControl) -> Iterator[tuple[Key, Notice]]:
    """Lines of a canary without a release that only copies could feed."""
    for line in route.status.verdicts:
        unfed = METRICS[line.metric].source == "pairs" and line.version not in route.situation.shadows
        if route.state.phase == "steady" and unfed and not line.n:
            text = f"nothing feeds {line.metric} of {line.version}: it gets no copies to compare"
            yield _key(line), Notice("line-unfed", text)
