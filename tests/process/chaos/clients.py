"""Well-behaved clients: one request after the other on a connection that is kept, each answer looked at whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.process.chaos.visible import AS_IT_IS, BROKEN, GOOD, REFUSED, SILENT, WRONG

PATIENCE = 30.0
"""Seconds until a client gives up: longer than any deadline of the routes, and than any fault with its grace."""


@dataclass(frozen=True)
class Result:
    """What one request came to; times in seconds since the beginning of the run."""

    route: str
    began: float
    ended: float
    result: str


@dataclass
class Answer:
    """An answer as it was read."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def last(self) -> bool:
        """Whether the connection ends with it."""
        return self.fields.get("connection") == "close"


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer with a length. Raises IncompleteReadError where it is cut."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:-2])}
    if fields.get("transfer-encoding") == "chunked":
        return Answer(int(head[0].split()[1]), fields, await _chunks(reader))
    return Answer(int(head[0].split()[1]), fields, await reader.readexactly(int(fields.get("content-length", "0"))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(pieces)


def result_of(number: int, answer: Answer) -> str:
    """The word for an answer to the request with this number."""
    if answer.fields.get("content-type") == "application/problem+json":
        return f"{answer.status} {json.loads(answer.body)['reason']}"
    if answer.status != 200:
        return AS_IT_IS
    try:
        predicted = json.loads(answer.body)["prediction"]
    except ValueError:
        return AS_IT_IS
    if predicted != predicted:  # NaN
        return AS_IT_IS
    return GOOD if predicted == number else WRONG


class Client:
    """Asks one route again and again, `pause` seconds apart. `results` is what came of it, `sent` how many it asked."""

    def __init__(self, address: str, route: str, now: Callable[[], float], pause: float = 0.04) -> None:
        self._host, _, port = address.rpartition(":")
        self._port, self._route, self._now, self._pause = int(port), route, now, pause
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._number = 0
        self.results: list[Result] = []

    async def run(self, over: asyncio.Event) -> None:
        """Until `over`; the request under way is waited for."""
        while not over.is_set():
            await self.ask()
            await asyncio.sleep(self._pause)
        self.close()

    async def ask(self) -> None:
        """One request."""
        self._number += 1
        began = self._now()
        try:
            async with asyncio.timeout(PATIENCE):
                result = await self._exchange(self._number)
        except TimeoutError:
            self.close()
            result = SILENT
        self.results.append(Result(self._route, began, self._now(), result))

    async def _exchange(self, number: int) -> str:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # while it was idle
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(self._host, self._port)
            except OSError:
                return REFUSED
        reader, writer = self._streams
        body = b'{"n": %d, "x": [%d.5, 1.5]}' % (number, number % 7)
        writer.write(
            b"POST /%b/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (self._route.encode(), len(body), body)
        )
        try:
            answer = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return BROKEN
        if answer.last:
            self.close()
        return result_of(number, answer)

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None
