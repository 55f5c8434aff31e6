"""Captured exchanges and answers to them, for replays: a model of one number, whose answers can be made to differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy.contracts.settings import ASSUMED, Guard, Limit, Release, RouteSettings, Settings, Stage
from proxy.contracts.table import Match, Version
from proxy.control.capture.exchanges import CapturedExchange, exchanges_in
from proxy.control.capture.format import Captured, captured, line_of
from proxy.control.replay.asking import LiveAnswer
from proxy.control.replay.trial import Trial, trial_of
from tests.control.houses import settings as house
from tests.support.records import record

JSON = b"content-type: application/json\r\n"
BEGAN = 1_790_000_000.0


def request(number: int) -> bytes:
    """A request of three features."""
    row = [number % 7, number % 11 / 10, number % 13 / 100]
    return json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": row}]}).encode()


def answer(number: int) -> bytes:
    """What the good model says; as requests, answers come again after 1,001."""
    score = round(number % 91 / 100, 2)
    outputs = [{"name": "score", "shape": [1], "datatype": "FP64", "data": [score]}]
    return json.dumps({"model_name": "m", "outputs": outputs}).encode()


def other(number: int) -> bytes:
    """What a model says that disagrees."""
    return answer(number + 50)


def leg(number: int, **facts: Any) -> Captured:
    """A captured leg of the primary, with its request."""
    usual: dict[str, Any] = {
        "exchange": number + 1, "route": "cancer", "version": "v1", "started": BEGAN + number / 50, "method": "POST",
        "path": "/v2/models/m/infer", "request_fields": JSON, "request": request(number), "response_fields": JSON,
        "response": answer(number), "copies": 0, "request_id": f"request-{number}",
    }  # fmt: skip
    return captured(record(**usual | facts), (0, "a"), True)


def exchange(number: int, label: object = None, **facts: Any) -> CapturedExchange:
    """The exchange of one leg."""
    only = leg(number, **facts)
    reason = "" if only.request is not None else "no_body"
    return CapturedExchange((only.source, only.exchange), (only,), only, 1.0, label, reason)


def capture(path: Path, count: int, **facts: Any) -> Path:
    """A file of so many exchanges."""
    path.write_bytes(b"".join(line_of(leg(number, **facts)) for number in range(count)))
    return path


def live(body: bytes, status: int = 200, **facts: Any) -> LiveAnswer:
    """An answer that came now."""
    return LiveAnswer(status, total=0.01, first_byte=0.009, fields=JSON, body=body, **facts)


SCORECARD = ASSUMED | {"disagreement": Limit(max=0.02), "latency_p99": Limit(max_ratio=1.25)}


def section(**changes: Any) -> RouteSettings:
    """A route about to try v2."""
    stages = (Stage(shadow=100.0, requests=200), Stage(canary=50.0, requests=300))
    release = Release("v2", "canary", stages, Guard(SCORECARD, 0.01))
    usual: dict[str, Any] = {
        "name": "cancer", "match": Match("/v2/models/m/"), "protocol": "oip", "primary": "v1", "release": release,
        "digest": "d1",
    }  # fmt: skip
    return RouteSettings(**usual | changes)


def settings(**changes: Any) -> Settings:
    """The configuration of that route."""
    return house(section(**changes))


def trial(timed: bool = False, **changes: Any) -> Trial:
    """The trial of v2 on it."""
    return trial_of(settings(**changes), "cancer", Version("v2", "127.0.0.1", 1, "127.0.0.1:1"), timed)


def exchanges(path: Path) -> Iterator[CapturedExchange]:
    """Those of a file."""
    return exchanges_in([path])


Respond = Callable[[int, bytes], bytes]
"""The number of the request at the server, and its body, to the whole answer."""


def whole(body: bytes, status: int = 200, more: bytes = b"") -> bytes:
    """An answer of HTTP/1.1."""
    head = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status, len(body), more) + body


class Scripted(asyncio.Protocol):
    """A connection of a server that answers as it is told; b"" closes the connection, None is silence."""

    def __init__(
        self, respond: Callable[[int, bytes], bytes | None], seen: list[bytes], up: set[asyncio.Transport]
    ) -> None:
        self._respond, self._seen, self._up, self._data = respond, seen, up, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._up.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._up.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if not separator or len(rest) < length:
            return
        self._data = rest[length:]
        self._seen.append(head + b"\r\n\r\n" + rest[:length])
        answer = self._respond(len(self._seen) - 1, rest[:length])
        if answer == b"":
            self._transport.close()
        elif answer is not None:
            self._transport.write(answer)


@asynccontextmanager
async def serving(respond: Callable[[int, bytes], bytes | None]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback: its port, and the requests that came."""
    seen: list[bytes] = []
    up: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Scripted(respond, seen, up), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        for _ in range(3):  # one may be about to be accepted
            await asyncio.sleep(0.01)
            for transport in tuple(up):
                transport.abort()
