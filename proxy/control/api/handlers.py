"""The admin API: thin handlers behind the table of `endpoints`, one place where refusals become answers.

- Every change goes into the audit: who (token, certificate or loopback), when, why (`reason`), before, after.
- `ETag` on a route and `If-Match` on a change: whoever decided on an old picture is refused (412).
- Bodies are bounded, and nothing in them is coerced (`bodies`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct, field
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from proxy.control.api import auth, fleet_view, release_view, request_bodies, scope, views
from proxy.control.api.connections import Connections
from proxy.control.api.endpoints import ENDPOINTS, MAX_AUDIT
from proxy.control.api.event_stream import Events, picture
from proxy.control.api.moves import MOVES
from proxy.control.api.openapi import describe
from proxy.control.api.page import static
from proxy.control.api.portions import encoded, in_portions, text_of
from proxy.control.api.problems import ApiError, answer, as_json, in_json
from proxy.control.api.refusals import problem_of
from proxy.control.api.traffic_view import traffic
from proxy.control.api.verdicts import scope_in
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.link.server import WorkerStatus
from proxy.stats.board import Board
from proxy.stats.quality.label_join import LabelOutcome
from proxy.stats.quality.scores import load
from proxy.tls.peer import names

log = logging.getLogger("penumbra.api")

MAX_DIGITS = 40
"""Characters of a number in a query. Python reads 4,300 digits, zeros included."""

Beside = dict[str, Any]
"""Members of an answer beside the document itself."""

BOUND_OF_PROBLEM = {"too-large": "api_body", "too-many": "event_listeners"}
"""Kinds of problems by which a request learns that a bound was reached; the name that a metric has for it."""


class ApiContext(Struct):
    """Objects that the API serves, and the counts of its own. `labelled` hears of the labels that feedback brings."""

    engine: Engine
    board: Board
    registry: CollectorRegistry
    workers: Callable[[], list[WorkerStatus]]
    now: Callable[[], float]
    """Seconds by the clock of durations; `engine.keeper.unix` makes Unix seconds of them."""
    draining: bool = False
    """Whether the process is about to end, so that no traffic should come any more."""
    bounds_reached: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOUND_OF_PROBLEM.values(), 0))
    """Requests that were refused because of a bound, by its name. Monotone."""
    connections: Connections = field(default_factory=Connections)
    labelled: Callable[[list[tuple[str, Any]]], None] = lambda labels: None
    fleet: FleetService | None = None


def application(context: ApiContext) -> web.Application:
    """The API as an aiohttp application."""
    app = web.Application(
        middlewares=[context.connections.middleware, refusals(context), own_names(context)],
        client_max_size=request_bodies.MAX_FEEDBACK,
    )
    api = Api(context)
    for endpoint in ENDPOINTS:
        handler: Handler = getattr(api, endpoint.handler)
        guarded = handler if endpoint.open or endpoint.method != "GET" else api.for_readers(handler)
        app.router.add_route(endpoint.method, endpoint.path, guarded)
    app.router.add_get("/page/{file}", api.page)
    app.on_shutdown.append(api.end)
    return app


def refusals(context: ApiContext) -> Middleware:
    """Makes every refusal a problem document, and counts those that a bound made."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:
            problem = ApiError("malformed", "the rest of the body never came")  # nobody is there to read it
        except Exception as error:  # noqa: BLE001  a bug must be an answer too; it is logged below
            problem = _problem(error, request)
        if bound := BOUND_OF_PROBLEM.get(problem.kind):
            context.bounds_reached[bound] += 1
        return answer(problem.kind, problem.detail, problem.field, problem.headers)

    return refuse


_PROBES = ("/healthz", "/readyz")


def own_names(context: ApiContext) -> Middleware:
    """Answers under names of this API only; probes ask under any."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _PROBES:
            auth.addressed(request.headers.getall("Host", []), request.headers, context.engine.settings.admin)
        return await handler(request)

    return check


_HTTP_KINDS = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}


def _problem(error: Exception, request: web.Request) -> ApiError:
    if isinstance(error, web.HTTPException):
        allow = error.headers.get("Allow")
        kind = _HTTP_KINDS.get(error.status, "malformed")
        return ApiError(kind, error.reason, headers={"Allow": allow} if allow else None)
    return problem_of(error, f"{request.method} {request.path}")


class Api:
    """The handlers. Reading needs the engine only; a change goes through `_change`."""

    def __init__(self, context: ApiContext) -> None:
        self._context, self._engine = context, context.engine
        self._turn, self._scoring = asyncio.Lock(), asyncio.Lock()
        self._events = Events(
            lambda: picture(context.engine, context.board, context.workers(), context.now(), context.fleet),
            lambda: context.engine.keeper.unix(context.now()),
            context.bounds_reached,
        )

    async def end(self, app: web.Application) -> None:
        """Lets go of those who listen."""
        self._events.close()

    def for_readers(self, handler: Handler) -> Handler:
        """`handler` for those who may look, one answer after the other, so that others have the loop in between; only
        the stream of events takes no turn, because it does not end."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            auth.reader(request.headers, self._engine.settings.admin, _shown(request))
            if handler == self.events:
                return await handler(request)
            async with self._turn:
                return await handler(request)

        return guarded

    # -- reading

    async def routes(self, request: web.Request) -> web.Response:
        return as_json(views.routes(self._seen(request), self._context.workers()))

    def _seen(self, request: web.Request) -> Engine:
        """The engine as it is to be shown in the scope that is asked for. Raises ApiError."""
        return scope.seen(self._engine, scope.scope_of(request.query, self._engine), self._context.now())

    def _of_sidecar(self, request: web.Request) -> str:
        """The route of a read that is of this sidecar always. Raises ApiError, UnknownRouteError."""
        name = _name(request)
        self._engine.state(name)
        scope.scope_of(request.query, self._engine, "sidecar")
        return name

    async def route(self, request: web.Request) -> web.Response:
        return self._route(self._seen(request), _name(request))

    def _route(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        return as_json(
            views.route(engine, name) | (beside or {}), headers={"ETag": views.etag(self._engine.state(name))}
        )

    async def scorecard(self, request: web.Request) -> web.Response:
        return as_json(views.scorecard(self._seen(request), _name(request)))

    async def gate(self, request: web.Request) -> web.Response:
        shown = views.gate(self._seen(request), _name(request))
        return as_json(shown, _GATES[shown["verdict"]])

    async def ask_gate(self, request: web.Request) -> web.Response:
        auth.reader(request.headers, self._engine.settings.admin, _shown(request))
        await _body(request, any_type=True)
        return await self.gate(request)

    async def page(self, request: web.Request) -> web.Response:
        return static.serve(request, request.match_info.get("file", static.HOME))

    async def events(self, request: web.Request) -> web.StreamResponse:
        scope.scope_of(request.query, self._engine, scope_in(self._engine))
        return await self._events.stream(request)

    async def traffic(self, request: web.Request) -> web.Response:
        shown = traffic(self._context.board, self._of_sidecar(request), self._context.now())
        return as_json(scope.said("sidecar", shown))

    async def drift(self, request: web.Request) -> web.Response:
        return as_json(scope.said("sidecar", views.drifts(self._context.board, self._of_sidecar(request))))

    async def disagreements(self, request: web.Request) -> web.Response:
        shown = views.disagreements(self._context.board, self._of_sidecar(request), self._versions)
        return as_json(scope.said("sidecar", shown))

    async def audit(self, request: web.Request) -> web.Response:
        route = request.query.get("route")
        limit = _whole(request, "limit", 100, MAX_AUDIT)
        after = _whole(request, "after", -1, 2**62)
        chain = scope.chain_of(scope.scope_of(request.query, self._engine), self._context.fleet)
        links, truncated = views.audited(self._engine, limit, after, route, chain)
        entries = [text_of(views.entry(link)) async for link in in_portions(links)]
        head = text_of(views.audit_head(self._engine, truncated, chain))
        return in_json(f'{head[:-1]}, "entries": [{", ".join(entries)}]}}')

    async def metrics(self, request: web.Request) -> web.Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # a version that is none
            encode, content_type = choose_encoder("")
        parts = [part async for part in in_portions(encoded(self._context.registry, encode))]
        return web.Response(body=b"".join(parts), headers={"Content-Type": content_type})

    async def healthz(self, request: web.Request) -> web.Response:
        return as_json({"status": "ok"})

    async def readyz(self, request: web.Request) -> web.Response:
        if self._context.draining:
            return as_json({"status": "draining"}, 503)
        workers = self._context.workers()
        up = sum(status.up for status in workers)
        said = {"status": "ready" if up else "no worker", "workers": len(workers), "up": up}
        return as_json(said, 200 if up else 503)

    async def fleet(self, request: web.Request) -> web.Response:
        if self._context.fleet is None:
            raise ApiError("not-found", "this sidecar is in no fleet: its configuration has no section fleet")
        return as_json(fleet_view.fleet(self._context.fleet))

    async def openapi(self, request: web.Request) -> web.Response:
        return as_json(describe())

    async def feedback(self, request: web.Request) -> web.Response:
        """Labels decide about releases, so whoever gives them must be allowed to change things. They are taken in
        portions, because scoring ten thousand takes seconds."""
        auth.caller(request.headers, request.remote, self._engine.settings.admin, _shown(request))
        body = await _body(request, request_bodies.MAX_FEEDBACK)
        await asyncio.to_thread(load)
        async with self._scoring:
            labels = [each async for each in in_portions(request_bodies.labels(request_bodies.read(body)))]
            now, outcomes, fleet = self._context.now(), Counter[LabelOutcome](), self._context.fleet
            elsewhere: list[tuple[str, Any]] = []
            self._context.labelled(labels)
            async for request_id, label in in_portions(labels):
                outcome = self._context.board.on_label(request_id, label, now, counts_unknown=fleet is None)
                outcomes[outcome] += 1
                if outcome == "unknown":
                    elsewhere.append((request_id, label))
        if fleet is not None and elsewhere:
            fleet.member.on_labels(elsewhere)
        return as_json({name: outcomes[name] for name in get_args(LabelOutcome)})

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
        name = _name(request)
        beside = await self._command(request, action, name, views.etag(self._engine.state(name)))
        return self._route(self._engine, name, beside)

    async def _command(self, request: web.Request, action: str, name: str, etag: str, whole: bool = False) -> Beside:
        """`etag`: what it is changed from; `whole`: what the body asks for is of no single route. In a fleet, what to
        say of it beside: at how many members it is in force."""
        engine, now = self._engine, self._context.now
        who = auth.caller(request.headers, request.remote, engine.settings.admin, _shown(request))
        value = request_bodies.read_object(await _body(request), optional=request.method == "POST")
        _if_match(request, etag)
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

    # -- releases

    async def releases(self, request: web.Request) -> web.Response:
        return as_json(release_view.releases(self._seen(request)))

    async def release(self, request: web.Request) -> web.Response:
        return self._release(self._seen(request), request.match_info["release"])

    def _release(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        release = engine.release(name)
        shown = release_view.release(engine, release) | (beside or {})
        return as_json(shown, headers={"ETag": release_view.etag(release)})

    async def release_scorecard(self, request: web.Request) -> web.Response:
        engine = self._seen(request)
        return as_json(release_view.scorecard(engine, engine.release(request.match_info["release"])))

    async def release_gate(self, request: web.Request) -> web.Response:
        engine = self._seen(request)
        shown = release_view.gate(engine, engine.release(request.match_info["release"]))
        return as_json(shown, _GATES[shown["verdict"]])

    async def release_command(self, request: web.Request) -> web.Response:
        release = self._engine.release(request.match_info["release"])
        action = request.path.rpartition("/")[2]
        name, tag = release.routes[0].section.name, release_view.etag(release)
        return self._release(self._engine, release.name, await self._command(request, action, name, tag, whole=True))

    @property
    def _versions(self) -> Any:
        return self._engine.settings.versions


_GATES = {"pass": 200, "fail": 409, "undecided": 425}


def _shown(request: web.Request) -> tuple[str, ...]:
    """Names of the certificate that the client has shown, of an authority that is trusted; (): none."""
    return names(request.get_extra_info("peercert"))


def _name(request: web.Request) -> str:
    return request.match_info["route"]


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    allowed = f"allowed: a whole number from 0 to {most}"
    if len(text) > MAX_DIGITS:
        raise ApiError("malformed", f"{name}: found {len(text):,} characters; {allowed}", name)
    if not text.isascii() or not text.isdecimal() or int(text) > most:
        raise ApiError("invalid", f"{name}: found {text!r}; {allowed}", name)
    return int(text)


_MEDIA = frozenset(("application/json", "application/x-www-form-urlencoded", "application/octet-stream"))
"""JSON, and what `curl -d` and clients that say nothing call it; `access` keeps foreign pages out, whatever they call
it.
"""


async def _body(request: web.Request, most: int = request_bodies.MAX_BODY, *, any_type: bool = False) -> bytes:
    try:
        body = await request.read()
    except ConnectionError:  # nobody reads the answer, and nothing failed here
        raise ApiError("malformed", "the connection ended within the body") from None
    if len(body) > most:
        raise ApiError("too-large", f"found {len(body):,} bytes; allowed: {most:,}")
    if body and not any_type and request.content_type not in _MEDIA:
        raise ApiError("media-type", f"found {request.content_type}; allowed: application/json")
    return body


def _if_match(request: web.Request, have: str) -> None:
    """RFC 9110 §13.1.1: strong comparison with any of the tags."""
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return
    if have not in [tag.strip() for tag in wanted.split(",")]:
        raise ApiError("changed", f"the route is now {have}", headers={"ETag": have})
