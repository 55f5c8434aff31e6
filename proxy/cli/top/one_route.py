"""One route: its versions beside each other, the way of each limit to a breach, changes and warnings."""

from __future__ import annotations

from msgspec import Struct

from proxy.cli.top import figures
from proxy.cli.top.all_routes import PHASE_STYLES, changes, warning, why
from proxy.cli.top.documents import ArmDoc, LineDoc, ReleaseDoc, RouteDoc, ScorecardDoc, Seen, TrafficDoc
from proxy.cli.top.tables import Column, Part, Row, Style, head, line, paragraph, plain

ARMS = (
    Column("version", 12, grows=2),
    Column("role", 8),
    Column("live %", 6, right=True),
    Column("req/s", 7, right=True),
    Column("failed, 1 min", 13, right=True),
    Column("p50", 7, right=True),
    Column("p99", 7, right=True),
    Column("a minute", 12, grows=1),
)
LINES = (
    Column("limit", 20, grows=2),
    Column("of", 8, grows=2),
    Column("value", 8, right=True),
    Column("allowed", 9, right=True),
    Column("n", 8, right=True),
    Column("verdict", 9),
    Column("to a breach", 11, grows=1),
)
VERDICTS: dict[str, Style] = {"fail": "bad", "pass": "good"}
ROLES = {"primary": 0, "canary": 1, "baseline": 2, "shadow": 3}
"""Roles in the order in which they stand below each other."""
BESIDE = ("refused", "abandoned", "limited", "not_an_inference")
"""Outcomes that are said where there are any."""


class Drawing(Struct, frozen=True):
    """How wide, and whether with the columns of a font that has them."""

    width: int
    blocks: bool = False


def rows(picture: Seen, route: RouteDoc, how: Drawing) -> list[Row]:
    """All that is told of a route."""
    own = [each for each in picture.changes if each.route == route.route]
    parts = (_head(route, picture.at, how.width), _arms(picture, route, how), _scorecard(picture, route, how.width))
    return [
        *(row for part in parts for row in part),
        *_warnings(picture, route, how.width),
        *changes(own, picture.at, how.width),
    ]


def _head(route: RouteDoc, now: float, width: int) -> list[Row]:
    phase = f"{route.phase.replace('_', ' ')} since {figures.moment(route.since, now)}"
    under_way = [plain(_stage(route.release), width)] if route.release and route.release.active else []
    return [
        plain(f"{route.route}: {phase}", width, PHASE_STYLES.get(route.phase, "bold")),
        *under_way,
        *paragraph(f"verdict {route.verdict}: {route.sentence}", width),
        *(paragraph(f"reason: {route.reason}", width) if why(route) != route.sentence else []),
        *([plain(_force(route), width)] if route.in_force else []),
    ]


def _stage(release: ReleaseDoc) -> str:
    due = release.stages[release.stage - 1].requests if 0 < release.stage <= len(release.stages) else 0
    requests = f"{release.requests:,} of {due:,}" if due else f"{release.requests:,}"
    ends = {"proof": ", ends by proof", "no_breach": ", ends without a breach"}.get(release.require, "")
    where = f"stage {release.stage} of {len(release.stages)}: {requests} requests"
    return f"{release.strategy} of {release.candidate}, {where}{ends}"


def _force(route: RouteDoc) -> str:
    told = route.in_force
    assert told is not None
    sidecars = f", {told.sidecars[0]} of {told.sidecars[1]} sidecars" if told.sidecars else ""
    head = "in force at" if told.everywhere else "not in force everywhere yet: at"
    return f"{head} {told.workers[0]} of {told.workers[1]} workers{sidecars}"


def _arms(picture: Seen, route: RouteDoc, how: Drawing) -> list[Row]:
    traffic = picture.traffic.get(route.route)
    if traffic is None:
        return [plain("", how.width), plain("traffic: not known", how.width, "dim")]
    shown = _shown(traffic, route)
    table = [line(ARMS, how.width, _arm(picture, route, arm, how)) for arm in shown]
    silent = figures.silence(picture, route.route)
    said = (*filter(None, [silent]), *_beside(traffic, shown), *figures.differing(picture, route.route))
    more = [row for text in said for row in paragraph(text, how.width, 2, "  ")]
    return [plain("", how.width), head(ARMS, how.width), *table, *more]


def _shown(traffic: TrafficDoc, route: RouteDoc) -> list[ArmDoc]:
    """Arms that have a part of the traffic, whether or not they had a request, and others that had one of late."""
    due = [ArmDoc(version, "primary" if version == route.primary else "canary", 0, {}) for version in route.split]
    due += [ArmDoc(version, "shadow", 0, {}) for version in route.shadows]
    now = [arm for arm in traffic.arms if _part(route, arm) is not None]
    known = {(arm.version, arm.role == "shadow") for arm in now}
    old = [arm for arm in traffic.arms if arm not in now and any(arm.recent.values())]
    fresh = [arm for arm in due if (arm.version, arm.role == "shadow") not in known]
    return sorted((*now, *fresh, *old), key=lambda arm: ROLES.get(arm.role, len(ROLES)))


def _part(route: RouteDoc, arm: ArmDoc) -> float | None:
    """The part of the traffic, or of the copies, that is an arm's now; None: the version has it in another role."""
    if arm.role == "shadow":
        return route.shadows.get(arm.version)
    return route.split.get(arm.version) if (arm.role == "primary") == (arm.version == route.primary) else None


def _arm(picture: Seen, route: RouteDoc, arm: ArmDoc, how: Drawing) -> list[Part]:
    bad: Style = "bad" if arm.recent.get("failed") else ""
    share, copies = _part(route, arm), "c" if arm.role == "shadow" else ""
    return [
        (arm.version, ""),
        (arm.role, ""),
        ("-" if share is None else f"{share:.4g}{copies}", ""),
        (figures.number(figures.rate(picture, route.route, arm)), ""),
        (figures.failed([arm]), bad),
        (figures.duration(arm.total.p50), ""),
        (figures.duration(arm.total.p99), ""),
        (figures.spark(figures.requests(picture, route.route, arm), 12, how.blocks), ""),
    ]


def _beside(traffic: TrafficDoc, arms: list[ArmDoc]) -> list[str]:
    said = [f"{arm.version} as {arm.role}: {told}" for arm in arms if (told := _others(arm))]
    said += [f"{each.version}: {each.count:,} rescued by the primary" for each in traffic.rescued if each.count]
    return said + [_copies(each.version, each.coverage) for each in traffic.shadows if each.owed]


def _others(arm: ArmDoc) -> str:
    counts = ((outcome.replace("_", " "), arm.recent.get(outcome, 0)) for outcome in BESIDE)
    return ", ".join(f"{count:,} {outcome}" for outcome, count in counts if count)


def _copies(version: str, coverage: float | None) -> str:
    return f"{version} got {'no known part' if coverage is None else f'{coverage:.2%}'} of its copies (c)"


def _scorecard(picture: Seen, route: RouteDoc, width: int) -> list[Row]:
    scorecard = picture.scorecards.get(route.route)
    if scorecard is None or not scorecard.lines:
        said = "nothing is under judgement" if scorecard is not None or not route.candidates else "limits: not known"
        return [plain("", width), plain(said, width, "dim")]
    when = [] if scorecard.metrics else [plain("as it was rolled back:", width, "dim")]
    lines = [line(LINES, width, _line(each, scorecard, width)) for each in _nearest_first(scorecard)]
    return [plain("", width), *when, head(LINES, width), *lines]


def _nearest_first(scorecard: ScorecardDoc) -> list[LineDoc]:
    return sorted(scorecard.lines, key=lambda line: -(figures.progress(line, scorecard.chance) or 0.0))


def _line(each: LineDoc, scorecard: ScorecardDoc, width: int) -> list[Part]:
    far = figures.progress(each, scorecard.chance)
    style = VERDICTS.get(each.verdict, "")
    lost = f"{each.n:,}" if not each.lost else f"{each.n:,}-{each.lost:,}"
    way = f"{figures.way(far):>4} {figures.bar(far, 6 if width < 100 else 12)}"
    return [
        (each.title, style),
        (each.version, ""),
        (figures.value(each), style),
        (figures.limit(each), ""),
        (lost, ""),
        (each.verdict, style),
        (way, "bad" if far is not None and far >= 1.0 else ""),
    ]


def _warnings(picture: Seen, route: RouteDoc, width: int) -> list[Row]:
    said = [*map(warning, route.notices), *figures.drifted(picture, route.route)]
    if not said:
        return []
    told = [row for each in said for row in paragraph(each, width, style="warn")]
    return [plain("", width), plain("warnings (what to do: the runbook's section of that name)", width, "bold"), *told]
