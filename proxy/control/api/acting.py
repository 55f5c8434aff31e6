"""Handlers of changes: what takes a token, a reason and `If-Match`, and goes to the engine or to the fleet's judge."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from aiohttp import web

from proxy.control.api import auth, effect_view, release_view, request_bodies, views
from proxy.control.api.context import ApiContext
from proxy.control.api.endpoints import TOGETHER
from proxy.control.api.moves import MOVES, addressed
from proxy.control.api.problems import ApiError, as_json
from proxy.control.api.requests import body_of, if_match, name_of, names_shown
from proxy.control.effects import effect_of
from proxy.control.engine import Engine
from proxy.release.undo import GIVE

Beside = dict[str, Any]
"""Members of an answer beside the document itself."""


def with_beside(shown: dict[str, Any], beside: Beside | None) -> dict[str, Any]:
    """A document after a change, with what the fleet says of the change."""
    there = {"in_force": shown["in_force"] | beside["in_force"]} if beside and "in_force" in beside else {}
    return shown | (beside or {}) | there


_OF_WHOLE = {"undo": ("reason", GIVE)}
"""Fields of the body of a command on a whole release, where they are more than its reason."""


def _asked(request: web.Request, actions: Container[str]) -> tuple[str, dict[str, Any]]:
    """The action and the body of the change that a query asks about. Raises ApiError."""
    action = request.query.get("action", "")
    if action not in actions:
        allowed = ", ".join(each for each in MOVES if each in actions)
        raise ApiError("invalid", f"action: found {action[:40]!r}; allowed: {allowed}", "action")
    return action, request_bodies.read_object(request.query.get("body", "").encode(errors="replace"), optional=True)


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

    async def post_undo(self, request: web.Request) -> web.Response:
        return await self._change(request, "undo")

    async def effect(self, request: web.Request) -> web.Response:
        """What a change would do; refused as the change would be."""
        name = name_of(request)
        return await self._foreseen(request, name, views.etag(self._engine.state(name)))

    async def release_effect(self, request: web.Request) -> web.Response:
        release = self._engine.release(request.match_info["release"])
        return await self._foreseen(request, release.routes[0].section.name, release_view.etag(release), whole=True)

    async def _foreseen(self, request: web.Request, name: str, etag: str, whole: bool = False) -> web.Response:
        engine, fleet = self._engine, self._context.fleet
        action, value = _asked(request, TOGETHER if whole else MOVES)
        if_match(request, etag)
        if whole:
            request_bodies.only(value, _OF_WHOLE.get(action, ("reason",)))
        now = self._context.now()
        move, _ = MOVES[action](engine, name, addressed(engine, name, action, value, fleet), now)
        if fleet is not None and (refusal := fleet.member.refusal(name, action)):
            raise ApiError(refusal.kind, refusal.detail)
        shown = effect_view.effect(engine, name, effect_of(engine, name, action, move, now))
        return as_json(shown | {"etag": etag}, headers={"ETag": etag})

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
            request_bodies.only(value, _OF_WHOLE.get(action, ("reason",)))
        value = addressed(engine, name, action, value, self._context.fleet)
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
