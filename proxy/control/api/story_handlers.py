"""Handlers of what happened: releases of a route, their stories, and explanations."""

from __future__ import annotations

from aiohttp import web

from proxy.control.api import explain_view, scope, story_view
from proxy.control.api.context import ApiContext
from proxy.control.api.problems import ApiError, as_json
from proxy.control.api.requests import name_of
from proxy.control.engine import Engine
from proxy.release.audit import Entry
from proxy.release.history import stories

MAX_ID = 200
"""Characters of a release's name that a refusal repeats."""


class StoryHandlers:
    """The part of the API that tells what happened."""

    _context: ApiContext
    _engine: Engine

    async def route_releases(self, request: web.Request) -> web.Response:
        return as_json(story_view.releases(self._engine, name_of(request), await self._entries(request)))

    async def route_story(self, request: web.Request) -> web.Response:
        known, name, wanted = await self._entries(request), name_of(request), request.match_info["id"]
        told = next((each for each in stories(known) if each.name == wanted), None)
        if told is None:
            why = f"{name} has no release {wanted[:MAX_ID]} in the newest entries of its audit"
            raise ApiError("not-found", why)
        return as_json(story_view.story(self._engine, self._context.chronicle, name, told))

    async def explain(self, request: web.Request) -> web.Response:
        now = self._engine.keeper.unix(self._context.now())
        asked = explain_view.time_in(request.query)
        known, name = await self._entries(request), name_of(request)
        return as_json(explain_view.explain(self._engine, self._context.chronicle, name, known, asked, now))

    async def _entries(self, request: web.Request) -> list[Entry]:
        """The audit of the route that is asked about. Raises ApiError, UnknownRouteError, StoreError."""
        name = name_of(request)
        self._engine.state(name)
        chain = scope.chain_of(scope.scope_of(request.query, self._engine), self._context.fleet)
        return await story_view.entries_of(self._engine, name, chain)
