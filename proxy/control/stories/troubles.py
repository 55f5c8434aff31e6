"""Warnings with their times: since when each kind was there, and until when. In memory, of this start of control."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from proxy.contracts.notices import Notice

MAX_ENDED = 50
"""Warnings of a route that are over and remembered, the newest."""


class TimedNotice(Struct):
    """A warning of a route."""

    notice: Notice
    since: float
    """Unix time of the look that saw it first."""
    until: float | None = None


class Troubles:
    """The warnings of all routes."""

    __slots__ = ("_ended", "_now")

    def __init__(self) -> None:
        self._now: dict[str, dict[str, TimedNotice]] = {}
        self._ended: dict[str, list[TimedNotice]] = {}

    def update(self, route: str, notices: Iterable[Notice], at: float) -> None:
        """Takes what is wrong with a route at a time."""
        now, before = {}, self._now.get(route, {})
        for notice in notices:
            known = before.get(notice.kind)
            now[notice.kind] = TimedNotice(notice, known.since if known else at)
        gone = [trouble for kind, trouble in before.items() if kind not in now]
        for trouble in gone:
            trouble.until = at
        if gone:
            self._ended[route] = [*self._ended.get(route, ()), *gone][-MAX_ENDED:]
        self._now[route] = now

    def at(self, route: str, at: float) -> list[TimedNotice]:
        """The warnings that a route had at a time."""
        known = [*self._ended.get(route, ()), *self._now.get(route, {}).values()]
        return [each for each in known if each.since <= at and (each.until is None or at < each.until)]
