"""All routes, a line each: what needs somebody first, as on the status page."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.cli.top import figures
from proxy.cli.top.documents import ChangeDoc, NoticeDoc, RouteDoc, Seen
from proxy.cli.top.tables import Column, Part, Row, Style, head, line, paragraph, plain

URGENT = {"rolled_back": 0, "paused": 2, "ramping": 3, "shadowing": 4}
"""Phases by how much they need somebody; what is wrong in another way comes after what is rolled back."""

PHASE_STYLES: dict[str, Style] = {"rolled_back": "bad", "paused": "warn", "promoted": "good"}

COLUMNS = (
    Column("", 1),
    Column("route", 12, grows=2),
    Column("phase", 11),
    Column("live %", 14, grows=3),
    Column("req/s", 7, right=True),
    Column("failed, 1 min", 13, right=True),
    Column("p99", 7, right=True),
    Column("breach", 6, right=True),
)
MAX_WARNINGS = 2
"""Warnings of the chosen route below them."""
MAX_CHANGES = 4
"""Changes below the routes."""


def ordered(picture: Seen) -> list[str]:
    """The names of the routes, those first that need somebody."""
    return [
        each.route for each in sorted(picture.routes.routes, key=lambda each: (_urgency(picture, each), each.route))
    ]


def _urgency(picture: Seen, route: RouteDoc) -> int:
    wrong = 1 if route.verdict == "fail" or _warned(picture, route) else 5
    return min(URGENT.get(route.phase, 5), wrong)


def _warned(picture: Seen, route: RouteDoc) -> bool:
    return bool(route.notices or figures.drifted(picture, route.route))


def rows(picture: Seen, names: Sequence[str], chosen: str, width: int) -> list[Row]:
    """The table of some routes, its titles first; the chosen one has a mark."""
    return [head(COLUMNS, width), *(_row(picture, name, name == chosen, width) for name in names)]


def _row(picture: Seen, name: str, chosen: bool, width: int) -> Row:
    route = picture.route(name)
    assert route is not None
    mark = ">" if chosen else "!" if _warned(picture, route) else ""
    cells: list[Part] = [
        (mark, ""),
        (name, ""),
        _phase(route),
        (figures.percents(route.split, route.primary), ""),
        *_figures(picture, route),
    ]
    return line(COLUMNS, width, cells, "chosen" if chosen else "")


def _phase(route: RouteDoc) -> Part:
    return route.phase.replace("_", " "), PHASE_STYLES.get(route.phase, "")


def _figures(picture: Seen, route: RouteDoc) -> list[Part]:
    traffic = picture.traffic.get(route.route)
    near = figures.nearest(picture.scorecards.get(route.route))
    breach: Part = (figures.way(near[0]) if near else "-", "bad" if near and near[0] >= 1.0 else "")
    if traffic is None:
        return [("", ""), ("", ""), ("", ""), breach]
    live = [arm for arm in traffic.arms if arm.role != "shadow"]
    slowest = max((arm.total.p99 for arm in live if arm.total.p99 is not None), default=None)
    rate = figures.total(figures.rate(picture, route.route, arm) for arm in live)
    bad: Style = "bad" if any(arm.recent.get("failed") for arm in live) else ""
    return [(figures.number(rate), ""), (figures.failed(live), bad), (figures.duration(slowest), ""), breach]


def below(picture: Seen, chosen: str, width: int) -> list[Row]:
    """What is said of the chosen route, and the last changes of all."""
    route = picture.route(chosen)
    said = _about(picture, route, width) if route is not None else []
    return [*said, *changes(picture.changes[:MAX_CHANGES], picture.at, width)]


def _about(picture: Seen, route: RouteDoc, width: int) -> list[Row]:
    worst = sorted(route.notices, key=lambda notice: notice.severity != "critical")
    said = [*map(warning, worst), *figures.drifted(picture, route.route)]
    rows = [plain("", width), *paragraph(f"{route.route}: {why(route)}", width, 2, style="bold")]
    rows += [plain(f"  {silent}", width, "dim")] if (silent := figures.silence(picture, route.route)) else []
    rows += [row for each in said[:MAX_WARNINGS] for row in paragraph(each, width, 2, "  ", "warn")]
    more = len(said) - MAX_WARNINGS
    return [*rows, *([plain(f"  and {more} more", width, "dim")] if more > 0 else [])]


def why(route: RouteDoc) -> str:
    """Why a route stands where it does."""
    return route.reason if route.phase in ("rolled_back", "paused") and route.reason else route.sentence


def warning(told: NoticeDoc) -> str:
    """A warning by its kind, which is the name of its section in the runbook."""
    return f"{told.kind} ({told.severity}): {told.text}"


def changes(entries: Sequence[ChangeDoc], now: float, width: int) -> list[Row]:
    """The last changes, newest first."""
    rows = [plain("", width), plain("last changes (UTC)", width, "bold")]
    if not entries:
        return [*rows, plain("  none is known of", width, "dim")]
    return [*rows, *(plain(_change(each, now), width) for each in entries)]


def _change(entry: ChangeDoc, now: float) -> str:
    why = f": {entry.why}" if entry.why else ""
    return f"{figures.moment(entry.at, now)} {entry.action} of {entry.route} by {entry.who}{why}"
