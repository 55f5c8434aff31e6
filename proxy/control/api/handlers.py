"""The admin API: thin handlers behind the table of `endpoints`, one place where refusals become answers.

- Every change goes into the audit: who (token, certificate or loopback), when, why (`reason`), before, after.
- `ETag` on a route and `If-Match` on a change: whoever decided on an old picture is refused (412).
- Bodies are bounded, and nothing in them is coerced (`bodies`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, get_args

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.exposition import choose_encoder

from proxy.control.api import auth, fleet_view, release_view, request_bodies, scope, views
from proxy.control.api.acting import Acting, Beside, with_beside
from proxy.control.api.context import BOUND_OF_PROBLEM
from proxy.control.api.context import ApiContext as ApiContext
from proxy.control.api.endpoints import ENDPOINTS, MAX_AUDIT
from proxy.control.api.event_stream import Events, picture
from proxy.control.api.history import Reading
from proxy.control.api.openapi import describe
from proxy.control.api.page import static
from proxy.control.api.parameters import NAMES_OF_METRICS, with_known_query
from proxy.control.api.portions import encoded, in_portions, text_of
from proxy.control.api.problems import ApiError, answer, as_json, in_json
from proxy.control.api.refusals import problem_of
from proxy.control.api.requests import body_of, name_of, names_shown, whole
from proxy.control.api.story_handlers import StoryHandlers
from proxy.control.api.traffic_view import traffic
from proxy.control.api.verdicts import scope_in
from proxy.control.engine import Engine
from proxy.stats.quality.label_join import LabelOutcome
from proxy.stats.quality.scores import load

log = logging.getLogger("penumbra.api")


def application(context: ApiContext) -> web.Application:
    """The API as an aiohttp application."""
    app = web.Application(
        middlewares=[context.connections.middleware, refusals(context), own_names(context)],
        client_max_size=request_bodies.MAX_FEEDBACK,
    )
    api = Api(context)
    for endpoint in ENDPOINTS:
        handler = with_known_query(endpoint, getattr(api, endpoint.handler))
        is_look = endpoint.method == "GET" and not endpoint.open
        guarded = api.for_readers(handler, endpoint.apart) if is_look else handler
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
    problem = problem_of(error, f"{request.method} {request.path}")
    reads = request.method in ("GET", "HEAD") and problem.kind == "not-stored"
    return ApiError("not-read", problem.detail) if reads else problem


class Api(Acting, Reading, StoryHandlers):
    """The handlers. Reading needs the engine only; changes are the part of `Acting`."""

    def __init__(self, context: ApiContext) -> None:
        self._context, self._engine = context, context.engine
        self._turn, self._scoring = asyncio.Lock(), asyncio.Lock()
        self._listed = {}
        self._events = Events(
            lambda: picture(context.engine, context.board, context.workers(), context.now(), context.fleet),
            lambda: context.engine.keeper.unix(context.now()),
            context.bounds_reached,
        )

    async def end(self, app: web.Application) -> None:
        """Lets go of those who listen."""
        self._events.close()

    def for_readers(self, handler: Handler, apart: bool) -> Handler:
        """`handler` for those who may look, one answer after the other, so that others have the loop in between; one
        that is made `apart` takes no turn."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            auth.reader(request.headers, self._engine.settings.admin, names_shown(request))
            if apart:
                return await handler(request)
            async with self._turn:
                return await handler(request)

        return guarded

    # -- reading

    async def routes(self, request: web.Request) -> web.Response:
        return as_json(views.routes(self._seen(request), self._context.workers(), self._context.fleet))

    def _seen(self, request: web.Request) -> Engine:
        """The engine as it is to be shown in the scope that is asked for. Raises ApiError."""
        return scope.seen(self._engine, scope.scope_of(request.query, self._engine), self._context.now())

    def _of_sidecar(self, request: web.Request) -> str:
        """The route of a read that is of this sidecar always. Raises ApiError, UnknownRouteError."""
        name = name_of(request)
        self._engine.state(name)
        scope.scope_of(request.query, self._engine, "sidecar")
        return name

    async def route(self, request: web.Request) -> web.Response:
        return self._route(self._seen(request), name_of(request))

    def _route(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        shown = views.standing(engine, name, self._context.workers(), self._context.fleet)
        return as_json(with_beside(shown, beside), headers={"ETag": views.etag(self._engine.state(name))})

    async def scorecard(self, request: web.Request) -> web.Response:
        return as_json(views.scorecard(self._seen(request), name_of(request)))

    async def gate(self, request: web.Request) -> web.Response:
        shown = views.gate(self._seen(request), name_of(request))
        return as_json(shown, _GATES[shown["verdict"]])

    async def ask_gate(self, request: web.Request) -> web.Response:
        auth.reader(request.headers, self._engine.settings.admin, names_shown(request))
        await body_of(request, any_type=True)
        return await self.gate(request)

    async def page(self, request: web.Request) -> web.Response:
        return static.serve(request, request.match_info.get("file", static.HOME))

    async def runbook(self, request: web.Request) -> web.Response:
        return static.serve(request, static.RUNBOOK)

    async def events(self, request: web.Request) -> web.StreamResponse:
        scope.scope_of(request.query, self._engine, scope_in(self._engine))
        return await self._events.stream(request)

    async def traffic(self, request: web.Request) -> web.Response:
        shown = traffic(self._context.board, self._of_sidecar(request), self._context.now(), self._context.fleet)
        return as_json(scope.said("sidecar", shown))

    async def drift(self, request: web.Request) -> web.Response:
        return as_json(scope.said("sidecar", views.drifts(self._context.board, self._of_sidecar(request))))

    async def disagreements(self, request: web.Request) -> web.Response:
        shown = views.disagreements(self._context.board, self._of_sidecar(request), self._versions)
        return as_json(scope.said("sidecar", shown))

    async def audit(self, request: web.Request) -> web.Response:
        route = request.query.get("route")
        limit = whole(request, "limit", 100, MAX_AUDIT)
        after = whole(request, "after", -1, 2**62)
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
        names = request.query.getall(NAMES_OF_METRICS, [])
        parts = [part async for part in in_portions(encoded(self._context.registry, encode, names))]
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
        auth.caller(request.headers, request.remote, self._engine.settings.admin, names_shown(request))
        body = await body_of(request, request_bodies.MAX_FEEDBACK)
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

    # -- releases

    async def releases(self, request: web.Request) -> web.Response:
        return as_json(release_view.releases(self._seen(request), self._context.workers(), self._context.fleet))

    async def release(self, request: web.Request) -> web.Response:
        return self._release(self._seen(request), request.match_info["release"])

    def _release(self, engine: Engine, name: str, beside: Beside | None = None) -> web.Response:
        release = engine.release(name)
        shown = release_view.standing(engine, release, self._context.workers(), self._context.fleet)
        return as_json(with_beside(shown, beside), headers={"ETag": release_view.etag(release)})

    async def release_scorecard(self, request: web.Request) -> web.Response:
        engine = self._seen(request)
        return as_json(release_view.scorecard(engine, engine.release(request.match_info["release"])))

    async def release_gate(self, request: web.Request) -> web.Response:
        engine = self._seen(request)
        shown = release_view.gate(engine, engine.release(request.match_info["release"]))
        return as_json(shown, _GATES[shown["verdict"]])

    @property
    def _versions(self) -> Any:
        return self._engine.settings.versions


_GATES = {"pass": 200, "fail": 409, "undecided": 425}
