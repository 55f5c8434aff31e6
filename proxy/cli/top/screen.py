"""What is shown: the newest picture, since when there is no newer one, the route that is chosen, and how far it is
scrolled. Keys change it, lines are made of it; nothing here knows a terminal or a clock."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.cli.top import all_routes, figures, one_route
from proxy.cli.top.documents import Seen
from proxy.cli.top.keys import Key
from proxy.cli.top.tables import Row, plain
from proxy.contracts.durations import in_units

FOOT_ALL = "q quit | up, down: choose | enter: open | r: look now"
FOOT_ONE = "q quit | up, down: scroll | left: all routes | r: look now"
OF_FLEET = "traffic, rates and latencies of this sidecar; verdicts and evidence of its fleet"
LEAST = 3
"""Lines for routes at least, before anything stands below them."""
BESIDE = 3
"""Lines that are neither routes nor below them: head, titles, foot."""


class Screen:
    """`where`: how the API is called; `only`: the route that is open at first, "": all."""

    def __init__(self, where: str, only: str = "") -> None:
        self.where = where
        self.open = bool(only)
        self.chosen = only
        self.picture: Seen | None = None
        self._away: tuple[float, str] | None = None
        self._scroll = 0
        self._room = LEAST
        self._part = ""

    def took(self, picture: Seen) -> None:
        """A newer picture."""
        self.picture, self._away = picture, None
        names = all_routes.ordered(picture)
        if not self.open and self.chosen not in names:
            self.chosen = names[0] if names else ""

    def missed(self, why: str, now: float) -> None:
        """There is no newer one. `now`: Unix seconds."""
        self._away = (self._away[0] if self._away else now), why

    @property
    def away(self) -> bool:
        """Whether the last look failed."""
        return self._away is not None

    def wanted(self, room: int) -> list[str]:
        """Routes whose traffic and scorecards are to be read for what is shown in so many lines."""
        if self.open:
            return [self.chosen]
        names = all_routes.ordered(self.picture) if self.picture else []
        start = self._first(names, max(room, 1))
        return names[start : start + room]

    def press(self, key: Key) -> None:
        """A key that moves."""
        if self.open:
            self._press_in_route(key)
        elif self.picture is not None:
            self._press_in_list(key, all_routes.ordered(self.picture))

    def _press_in_route(self, key: Key) -> None:
        if key == "back":
            self.open, self._scroll = False, 0
        steps = {"up": -1, "down": 1, "page up": -self._room, "page down": self._room, "first": -10_000, "last": 10_000}
        self._scroll = max(self._scroll + steps.get(key, 0), 0)

    def _press_in_list(self, key: Key, names: Sequence[str]) -> None:
        if not names:
            return
        at = names.index(self.chosen) if self.chosen in names else 0
        steps = {"up": -1, "down": 1, "page up": -self._room, "page down": self._room}
        steps |= {"first": -len(names), "last": len(names)}
        self.chosen = names[min(max(at + steps.get(key, 0), 0), len(names) - 1)]
        if key == "open":
            self.open, self._scroll = True, 0

    def _first(self, names: Sequence[str], room: int) -> int:
        """The first route of those that are shown: the chosen one is among them."""
        at = names.index(self.chosen) if self.chosen in names else 0
        return min(max(at - room // 2, 0), max(len(names) - room, 0))

    def lines(self, width: int, height: int, now: float, blocks: bool = False) -> list[Row]:
        """As many lines as there is room for. `now`: Unix seconds, as of `missed`."""
        top = self._top(width, now)
        body = self._body(width, height - len(top) - 1, blocks)
        foot = plain((FOOT_ONE if self.open else FOOT_ALL) + self._part, width, "dim")
        return [*top, *body, *[plain("", width)] * (height - len(top) - len(body) - 1), foot][:height]

    def whole(self, width: int, now: float) -> list[Row]:
        """Everything at once, for what is no terminal."""
        body = self._body(width, 1_000_000, blocks=False)
        return [*self._top(width, now), *body]

    def _top(self, width: int, now: float) -> list[Row]:
        picture = self.picture
        head = plain(f"penumbra top {self.where}  {_sidecar(picture)}", width, "bold")
        if self._away is None:
            return [head, *_trouble(picture, width)]
        since, why = self._away
        of = f"; these are of {figures.moment(picture.at, picture.at)}" if picture else ""
        ago = f"{figures.moment(since, now)} UTC ({in_units(float(max(round(now - since), 0)))} ago)"
        return [head, plain(f"no figures of the admin API since {ago}: {why}{of}", width, "bad")]

    def _body(self, width: int, height: int, blocks: bool) -> list[Row]:
        self._part = ""
        if self.picture is None:
            return []
        return self._route(width, height, blocks) if self.open else self._list(width, height)

    def _route(self, width: int, height: int, blocks: bool) -> list[Row]:
        assert self.picture is not None
        route = self.picture.route(self.chosen)
        if route is None:
            return [plain(f"there is no route {self.chosen}", width, "bad")]
        rows = one_route.rows(self.picture, route, one_route.Drawing(width, blocks))
        self._room = max(height - 1, 1)
        self._scroll = min(self._scroll, max(len(rows) - height, 0))
        self._part = _part("lines", self._scroll, height, len(rows))
        return rows[self._scroll : self._scroll + max(height, 0)]

    def _list(self, width: int, height: int) -> list[Row]:
        picture = self.picture
        assert picture is not None
        names = all_routes.ordered(picture)
        if not names:
            return [plain("no route yet: the configuration names none", width)]
        below = all_routes.below(picture, self.chosen, width)
        room = min(max(height - 1 - len(below), LEAST), len(names))
        self._room = max(room - 1, 1)
        first = self._first(names, room)
        self._part = _part("routes", first, room, len(names))
        return [*all_routes.rows(picture, names[first : first + room], self.chosen, width), *below][: max(height, 0)]


def _part(what: str, first: int, room: int, of: int) -> str:
    """Which of them are shown, where that is not all.

    >>> _part("routes", 9, 16, 50), _part("routes", 0, 16, 5)
    (' | routes 10-25 of 50', '')
    """
    return f" | {what} {first + 1}-{min(first + room, of)} of {of}" if of > room else ""


def _sidecar(picture: Seen | None) -> str:
    """What is looked at, and when it was."""
    if picture is None:
        return ""
    routes = picture.routes
    up = f"{sum(worker.up for worker in routes.workers)} of {len(routes.workers)} workers"
    fleet = f"fleet {routes.fleet}" if routes.fleet else ""
    return "  ".join(
        filter(None, (f"{figures.moment(picture.at, picture.at)} UTC", f"table {routes.revision}", up, fleet))
    )


def _trouble(picture: Seen | None, width: int) -> list[Row]:
    """What is wrong with the sidecar itself, and of whom figures are where it is one of several."""
    if picture is None:
        return []
    routes = picture.routes
    down = [str(each.worker) for each in routes.workers if not each.up]
    said = [f"workers not up: {', '.join(down)}"] if down else []
    said += [f"{routes.unsaved} changes are not stored"] if routes.unsaved else []
    wrong = routes.configuration.problems
    said += [f"the configuration file is not in force: {wrong[0].path}"] if wrong else []
    scope = [plain(OF_FLEET, width, "dim")] if routes.scope == "fleet" else []
    return [*scope, *([plain("; ".join(said), width, "bad")] if said else [])]
