"""Model servers of the chaos runs, on the loop of the run: each behaves as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json

from tests.support.scripted import (
    Request,
    Script,
    Scripted,
    Served,
    answer,
    black_hole,
    drips,
    huge,
    resets,
    resets_after,
    says,
)

LARGE = 8 << 20
"""Bytes of an answer to a path that ends with `large`."""

PATIENT_SECONDS = 0.03

NAN = answer(b'{"prediction": NaN}', fields="Content-Type: application/json\r\n")
ERROR = answer(b'{"error": "out of memory"}', "500 Internal Server Error")


async def healthy(served: Served, request: Request) -> bool:
    """Answers with the number that it was asked with, or at length."""
    path = request.head.split(b" ", 2)[1]
    if path.endswith(b"/large"):
        return await huge(LARGE)(served, request)
    try:
        number = json.loads(request.body)["n"]
    except (ValueError, KeyError, TypeError):
        number = 0
    body = echo(request.body) if path.endswith(b"/infer") else b'{"prediction": %d}' % number
    served.writer.write(answer(body, fields="Content-Type: application/json\r\n"))
    return True


def echo(body: bytes) -> bytes:
    """An OIP answer whose outputs are the inputs, as a model that passes through what strangers send."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return json.dumps({"model_name": "m", "outputs": json.loads(body)["inputs"]}).encode()
    return b'{"model_name": "m", "outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1]}]}'


async def patient(served: Served, request: Request) -> bool:
    """As if it were healthy, after a while: so many legs are under way at any moment."""
    await asyncio.sleep(PATIENT_SECONDS)
    return await healthy(served, request)


BEHAVIOURS: dict[str, Script] = {
    "healthy": healthy,
    "patient": patient,
    "hung": black_hole,
    "drip": drips(answer(b"drip"), 0.5),
    "garbage": says(b"\x00\xff garbage\r\n\r\n" * 20),
    "huge": huge(LARGE),
    "reset": resets,
    "cut": resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000),
    "busy": says(answer(b"busy", "503 Service Unavailable")),
    "error": says(ERROR),
    "nan": says(NAN),
}
"""What a server does with a request; besides, `dead`: nobody listens, and its connections are reset."""


class Model:
    """One model server at a port that stays its own."""

    def __init__(self, name: str) -> None:
        self.name, self.behaviour = name, "healthy"
        self._server = Scripted(name, self._answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    async def start(self) -> None:
        """Begins to listen, for the first time or again."""
        await self._server.start()

    async def stop(self) -> None:
        """Ends, with all its connections."""
        await self._server.stop()

    async def behave(self, how: str) -> None:
        """From now on it does as `how` says. What it holds back is given up when it is healthy again."""
        before, self.behaviour = self.behaviour, how
        if "dead" in (before, how) or (how == "healthy" and before in ("hung", "drip")):
            if before != "dead":
                await self.stop()
            if how != "dead":
                await self.start()

    async def _answer(self, served: Served, request: Request) -> bool:
        self._server.seen.clear()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, RuntimeError):
            return await BEHAVIOURS[self.behaviour](served, request)
        return False
