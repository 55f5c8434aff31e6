"""The handlers that read the history."""

from __future__ import annotations

from aiohttp import web

from proxy.control.api import history_view, scope
from proxy.control.api.context import ApiContext
from proxy.control.api.problems import ApiError, in_json
from proxy.control.api.requests import name_of
from proxy.control.history.past import Past
from proxy.control.history.series import FAMILIES
from proxy.control.history.tiers import MAX_POINTS


class Reading:
    """Answers about what was, each with a tag, so that who has one already gets none."""

    _context: ApiContext

    async def history(self, request: web.Request) -> web.Response:
        name = name_of(request)
        self._context.engine.state(name)
        past = self._kept(request)
        what = history_view.asked(request.query, past, MAX_POINTS, FAMILIES, self._unix())
        tag = history_view.etag(self._context.engine, past, what, name)
        if unchanged(request, tag):
            return web.Response(status=304, headers={"ETag": tag})
        return in_json(await history_view.history(self._context.engine, past, what, name), headers={"ETag": tag})

    async def histories(self, request: web.Request) -> web.Response:
        past = self._kept(request)
        most, names = history_view.OVERVIEW_POINTS, history_view.OVERVIEW
        what = history_view.asked(request.query, past, most, names, self._unix())
        tag = history_view.etag(self._context.engine, past, what, "")
        if unchanged(request, tag):
            return web.Response(status=304, headers={"ETag": tag})
        return in_json(await history_view.overview(self._context.engine, past, what), headers={"ETag": tag})

    def _unix(self) -> float:
        return self._context.engine.keeper.unix(self._context.now())

    def _kept(self, request: web.Request) -> Past:
        scope.scope_of(request.query, self._context.engine, "sidecar")
        past = self._context.history
        if past is None or past.history is None:
            raise ApiError("not-found", "no history is kept: the configuration says history: off")
        return past


def unchanged(request: web.Request, tag: str) -> bool:
    """Whether the caller has this answer (RFC 9110 §13.1.2: weak comparison with any of the tags)."""
    given = request.headers.get("If-None-Match", "")
    return given.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in given.split(",")]
