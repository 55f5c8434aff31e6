"""`GET /v1/events`: what the API shows, as server-sent events, whenever it changes.

Each event `document` is one JSON object: `at` (Unix seconds), `path` (what one would GET), `etag` (where it has one)
and `document` (what that GET gives). A listener first gets all documents, then those that differ from what it was sent.
Nothing is queued: a listener that reads slowly gets fewer pictures, never older ones, and one document waits for it.

Bounds: `MAX_LISTENERS`; two rounds a second, fewer when a picture takes long, so that listeners cost at most a tenth of
a CPU; `MAX_WRITE_SECONDS` for a listener that does not read: it is cut, counted and logged. A picture is made once for
all listeners, in portions, and none without one: a route with 30 features and all its examples takes 1.6 ms.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

from aiohttp import web

from proxy.control.api import fleet_view, release_view, views
from proxy.control.api.portions import in_portions, text_of
from proxy.control.api.problems import ApiError
from proxy.control.api.scope import chain_of, said
from proxy.control.api.traffic_view import traffic
from proxy.control.engine import Engine
from proxy.control.engine_errors import UnknownRouteError
from proxy.control.fleet.service import FleetService
from proxy.control.state.state_file import StoreError
from proxy.link.server import WorkerStatus
from proxy.stats.board import Board

log = logging.getLogger("penumbra.events")

MAX_LISTENERS = 16
"""Open streams; a further one is refused with 503. A sidecar is watched by one team."""
PICTURE_SECONDS = 0.5
"""Seconds between two pictures: no eye follows figures that change faster."""
MIN_ROUND_RATIO = 10.0
"""A round is at least so many times as long as the CPU time that its picture took."""
HEARTBEAT_SECONDS = 5.0
"""Seconds without a change after which a listener gets an event that says so."""
SLOW = "slow_listeners"
"""The bound that a listener reaches that does not read."""

MAX_WRITE_SECONDS = 20.0
"""Seconds after which a listener that does not read is disconnected."""
SHOWN_ENTRIES = 50
"""Audit entries of a picture."""

Document = tuple[str, bytes, bytes]
"""A part of a picture: path, digest of the document, event."""


def documents(
    engine: Engine, board: Board, workers: list[WorkerStatus], now: float, fleet: FleetService | None = None
) -> Iterator[tuple[str, str | None, Any]]:
    """(path, entity tag, document) of everything that is shown live."""
    yield "/v1/routes", None, views.routes(engine, workers, fleet)
    yield "/v1/releases", None, release_view.releases(engine, workers, fleet)
    if fleet is not None:
        yield "/v1/fleet", None, fleet_view.fleet(fleet)
    for name in list(engine.routes):
        with suppress(UnknownRouteError):  # gone since the picture was begun
            yield from _of_route(engine, board, name, now, workers, fleet)
    try:
        yield (
            f"/v1/audit?limit={SHOWN_ENTRIES}",
            None,
            views.audit(engine, SHOWN_ENTRIES, store=chain_of("fleet", fleet)),
        )
    except StoreError as error:
        log.warning("the audit cannot be shown: %s", error)


def _of_route(
    engine: Engine, board: Board, name: str, now: float, workers: list[WorkerStatus], fleet: FleetService | None
) -> Iterator[tuple[str, str | None, Any]]:
    path = f"/v1/routes/{name}"
    yield path, views.etag(engine.state(name)), views.standing(engine, name, workers, fleet)
    yield f"{path}/traffic", None, said("sidecar", traffic(board, name, now, fleet))
    yield f"{path}/scorecard", None, views.scorecard(engine, name)
    yield f"{path}/drift", None, said("sidecar", views.drifts(board, name))
    compared = views.disagreements(board, name, engine.settings.versions)
    yield f"{path}/disagreements", None, said("sidecar", compared)


def event(at: float, path: str, etag: str | None, document: str) -> bytes:
    """A server-sent event with a document that is JSON already. JSON has no line breaks: one `data` line is enough."""
    head = json.dumps({"at": at, "path": path, "etag": etag})
    return f'event: document\ndata: {head[:-1]}, "document": {document}}}\n\n'.encode(errors="replace")


def picture(
    engine: Engine, board: Board, workers: list[WorkerStatus], now: float, fleet: FleetService | None = None
) -> Iterator[Document]:
    """All documents, each with a digest to see whether it changed."""
    for path, etag, document in documents(engine, board, workers, now, fleet):
        text = text_of(document)
        yield (
            path,
            sha256(f"{etag} {text}".encode(errors="replace")).digest(),
            event(engine.keeper.unix(now), path, etag, text),
        )


class Events:
    """The listeners, and the newest picture that they share. `reached` counts the listeners that did not read."""

    def __init__(
        self, make: Callable[[], Iterable[Document]], now: Callable[[], float], reached: dict[str, int] | None = None
    ) -> None:
        self._make, self._now = make, now
        self._reached = {} if reached is None else reached
        self._reached.setdefault(SLOW, 0)
        self._picture: dict[str, tuple[bytes, bytes]] = {}
        self._making = asyncio.Lock()
        self._next = 0.0
        self._listeners = 0
        self._over = asyncio.Event()

    def close(self) -> None:
        """Ends all streams, so that nobody waits for them."""
        self._over.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tells one listener until it goes away. Raises ApiError when there are too many."""
        if self._listeners >= MAX_LISTENERS:
            raise ApiError("too-many", f"{MAX_LISTENERS} listeners are connected", headers={"Retry-After": "30"})
        self._listeners += 1
        try:
            response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
            response.content_type = "text/event-stream"
            response.charset = "utf-8"
            await response.prepare(request)
            await self._tell(response)
        except ConnectionError:
            return response
        except TimeoutError:
            self._reached[SLOW] += 1
            log.info("a listener of events did not read for %g s, and was cut", MAX_WRITE_SECONDS)
            if request.transport is not None:
                request.transport.abort()
            return response
        finally:
            self._listeners -= 1
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        sent: dict[str, bytes] = {}
        spoken = 0.0
        while not self._over.is_set():
            news = await self._news(sent)
            if not news and time.monotonic() - spoken >= HEARTBEAT_SECONDS:
                news = [b"event: heartbeat\ndata: {}\n\n"]
            for each in news:
                spoken = time.monotonic()
                await asyncio.wait_for(response.write(each), MAX_WRITE_SECONDS)
            await self._pause(max(PICTURE_SECONDS, self._next - time.monotonic()))

    async def _news(self, sent: dict[str, bytes]) -> list[bytes]:
        """Documents that a listener has not been sent yet; one that is gone is null."""
        current = await self._current()
        news = [document for path, (digest, document) in current.items() if sent.get(path) != digest]
        news += [event(self._now(), path, None, "null") for path in sent.keys() - current.keys()]
        sent.clear()
        sent.update({path: digest for path, (digest, _) in current.items()})
        return news

    async def _current(self) -> dict[str, tuple[bytes, bytes]]:
        async with self._making:
            now, begun = time.monotonic(), time.thread_time()
            if now >= self._next:
                made = in_portions(self._make())
                self._picture = {path: (digest, event) async for path, digest, event in made}
                self._next = now + max(PICTURE_SECONDS, MIN_ROUND_RATIO * (time.thread_time() - begun))
            return self._picture

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return
