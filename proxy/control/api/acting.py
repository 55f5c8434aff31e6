"""Handlers of changes: what takes a token, a reason and `If-Match`, and goes to the engine or to the fleet's judge."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from proxy.control.api import auth, release_view, request_bodies, views
from proxy.control.api.context import ApiContext
from proxy.control.api.moves import MOVES
from proxy.control.api.problems import ApiError
from proxy.control.api.requests import body_of, if_match, name_of, names_shown
from proxy.control.engine import Engine

Beside = dict[str, Any]
"""Members of an answer beside the document itself."""


class Acting:
    """The part of the API that changes routes and releases."""

    _context: ApiContext
    _engine: Engine

    def _route(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        raise NotImplementedError

    def _release(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        raise NotImplementedError

    async def put_split(self, request: web.Request) -> web.Response:
        return await self._change(request, "split")

    async def put_shadows(self, request: web.Request) -> web.Response:
        return await self._change(request, "shadows")

    async def post_release(self, request: web.Request) -> web.Response:
        return await self._change(request, "release")

    async def post_promote(self, request: web.Request) -> web.Response:
        return await self._change(request, "promote")

    async def post_rollback(self, request: web.Request) -> web.Response:
        return await self._change(request, "rollback")

    async def post_pause(self, request: web.Request) -> web.Response:
        return await self._change(request, "pause")

    async def post_resume(self, request: web.Request) -> web.Response:
        return await self._change(request, "resume")

    async def _change(self, request: web.Request, action: str) -> web.Response:
        """Checks the caller's token, the body and `If-Match`; then the engine makes the change."""
        name = name_of(request)
        beside = await self._command(request, action, name, views.etag(self._engine.state(name)))
        return self._route(self._engine, name, beside)

    async def _command(self, request: web.Request, action: str, name: str, etag: str, whole: bool = False) -> Beside:
        """`etag`: what it is changed from; `whole`: what the body asks for is of no single route. In a fleet, what to
        say of it beside: at how many members it is in force."""
        engine, now = self._engine, self._context.now
        who = auth.caller(request.headers, request.remote, engine.settings.admin, names_shown(request))
        value = request_bodies.read_object(await body_of(request), optional=request.method == "POST")
        if_match(request, etag)
        if whole:
            request_bodies.only(value, ("reason",))
        move, why = MOVES[action](engine, name, value, now())
        if self._context.fleet is None:
            engine.command(name, action, move, who, why, now())
            return {}
        tag = etag if request.headers.get("If-Match", "*").strip() != "*" else ""
        answer = await self._context.fleet.member.command(name, action, value, who, tag)
        if answer.kind:
            raise ApiError(answer.kind, answer.detail, answer.field)
        there, members = await self._context.fleet.member.until_in_force(name, answer.place)
        return {"in_force": {"at": there, "of": members}} | ({"detail": answer.detail} if answer.detail else {})

    async def release_command(self, request: web.Request) -> web.Response:
        release = self._engine.release(request.match_info["release"])
        action = request.path.rpartition("/")[2]
        name, tag = release.routes[0].section.name, release_view.etag(release)
        return self._release(self._engine, release.name, await self._command(request, action, name, tag, whole=True))
