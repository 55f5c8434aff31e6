"""Handlers of what happened: releases of a route, their stories, and explanations."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from proxy.control.api import explain_view, exporting, scope, story_view
from proxy.control.api.context import ApiContext
from proxy.control.api.problems import ApiError, as_json
from proxy.control.api.requests import name_of
from proxy.control.engine import Engine
from proxy.control.stories.page import page
from proxy.release.audit import Entry
from proxy.release.history import Story, stories
from proxy.release.story_export import StoryExport

ATTACHED = {"Content-Disposition": "attachment"}
"""It is a file to keep, and is not shown in the place of the status page."""
MAX_ID = 200
"""Characters of a release's name that a refusal repeats."""


class StoryHandlers:
    """The part of the API that tells what happened."""

    _context: ApiContext
    _engine: Engine

    async def route_releases(self, request: web.Request) -> web.Response:
        return as_json(story_view.releases(self._engine, name_of(request), await self._entries(request)))

    async def route_story(self, request: web.Request) -> web.Response:
        told = await self._story(request)
        return as_json(story_view.story(self._engine, self._context.chronicle, name_of(request), told))

    async def story_document(self, request: web.Request) -> web.Response:
        return as_json(msgspec.to_builtins(await self._export(request)), headers=ATTACHED)

    async def story_page(self, request: web.Request) -> web.Response:
        text = await asyncio.to_thread(page, await self._export(request))
        body = text.encode(errors="replace")
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=ATTACHED)

    async def _export(self, request: web.Request) -> StoryExport:
        told = await self._story(request)
        return await exporting.document(self._engine, self._context.chronicle, told, self._chain(request))

    async def _story(self, request: web.Request) -> Story:
        """The release that is asked about. Raises ApiError."""
        known, name, wanted = await self._entries(request), name_of(request), request.match_info["id"]
        told = next((each for each in stories(known) if each.name == wanted), None)
        if told is None:
            raise ApiError("not-found", f"{name} has no release {wanted[:MAX_ID]} in the newest entries of its audit")
        return told

    async def explain(self, request: web.Request) -> web.Response:
        now = self._engine.keeper.unix(self._context.now())
        asked = explain_view.time_in(request.query)
        known, name = await self._entries(request), name_of(request)
        return as_json(explain_view.explain(self._engine, self._context.chronicle, name, known, asked, now))

    async def _entries(self, request: web.Request) -> list[Entry]:
        """The audit of the route that is asked about. Raises ApiError, UnknownRouteError, StoreError."""
        name = name_of(request)
        self._engine.state(name)
        return await story_view.entries_of(self._engine, name, self._chain(request))

    def _chain(self, request: web.Request) -> Any:
        return scope.chain_of(scope.scope_of(request.query, self._engine), self._context.fleet)
