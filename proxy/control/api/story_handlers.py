"""Handlers of what happened: releases of a route, their stories, and explanations."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from proxy.control.api import explain_view, exporting, scope, story_entries, story_view
from proxy.control.api.context import ApiContext
from proxy.control.api.portions import text_of
from proxy.control.api.problems import ApiError, as_json, in_json
from proxy.control.api.requests import name_of
from proxy.control.engine import Engine
from proxy.control.stories.page import page
from proxy.release.history import Story, stories
from proxy.release.story_export import StoryExport

ATTACHED = {"Content-Disposition": "attachment"}
"""It is a file to keep, and is not shown in the place of the status page."""
MAX_LISTS = 100
"""Lists of releases that are kept, some 100 KB each at most."""
MAX_DIGITS = 15
MAX_ID = 200
"""Characters of a release's name that a refusal repeats."""


class StoryHandlers:
    """The part of the API that tells what happened."""

    _context: ApiContext
    _engine: Engine
    _listed: dict[tuple[str, bool], tuple[tuple[str, int], str]]
    """Route, and whether of the fleet, to the end of the audit and the list of releases that was told of it."""

    async def route_releases(self, request: web.Request) -> web.Response:
        name, chain = self._asked(request)
        mark, (known, text) = story_entries.mark(self._engine, chain), self._listed.get((name, bool(chain)), (None, ""))
        if mark != known:
            text = text_of(
                story_view.releases(self._engine, name, await story_entries.newest(self._engine, name, chain))
            )
            if len(self._listed) >= MAX_LISTS:
                self._listed.clear()
            self._listed[name, bool(chain)] = mark, text
        return in_json(text)

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
        _, chain = self._asked(request)
        return await exporting.document(self._engine, self._context.chronicle, await self._story(request), chain)

    async def _story(self, request: web.Request) -> Story:
        """The release that is asked about. Raises ApiError."""
        (name, chain), wanted = self._asked(request), request.match_info["id"]
        _, _, number = wanted.rpartition("@")
        first = int(number) if number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS else 0
        known = await story_entries.since(self._engine, name, first, chain) if first else []
        told = next((each for each in stories(known) if each.name == wanted), None)
        if told is None:
            raise ApiError("not-found", f"{name} has no release {wanted[:MAX_ID]} in its audit")
        return told

    async def explain(self, request: web.Request) -> web.Response:
        now = self._engine.keeper.unix(self._context.now())
        asked = explain_view.time_in(request.query)
        name, chain = self._asked(request)
        known = await story_entries.newest(self._engine, name, chain, story_entries.PORTION)
        if len(known) >= story_entries.PORTION and not explain_view.suffices(known, asked):
            known = await story_entries.newest(self._engine, name, chain)
        return as_json(explain_view.explain(self._engine, self._context.chronicle, name, known, asked, now))

    def _asked(self, request: web.Request) -> tuple[str, Any]:
        """The route that is asked about, and the chain to read. Raises ApiError, UnknownRouteError."""
        name = name_of(request)
        self._engine.state(name)
        return name, scope.chain_of(scope.scope_of(request.query, self._engine), self._context.fleet)
