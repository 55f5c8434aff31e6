"""A strict client of HTTP/2 on h2, the reference: many streams on one connection."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events

Fields = list[tuple[bytes, bytes]]
PATIENCE = 60.0
GOAWAY = 7
"""Type of the frame (RFC 9113 §6.8)."""


class Heard:
    """What came on one stream. `ended`: it is complete; `reset`: the code with which it was cut."""

    def __init__(self) -> None:
        self.fields: Fields = []
        self.trailers: Fields = []
        self.interim: list[Fields] = []
        self.body = b""
        self.ended = False
        self.reset: int | None = None
        self.over = asyncio.Event()

    def field(self, name: str) -> str | None:
        """The first field of the head with that name."""
        return next((value.decode() for key, value in self.fields if key == name.encode()), None)

    def trailer(self, name: str) -> str | None:
        """The first field after the body with that name."""
        return next((value.decode() for key, value in self.trailers if key == name.encode()), None)

    @property
    def status(self) -> int:
        return int(self.field(":status") or 0)

    @property
    def version(self) -> str | None:
        return self.field("x-penumbra-version")


class Http2Client:
    """One connection. `reads`: whether windows are given back for what comes; `context`: by TLS."""

    def __init__(self, port: int, reads: bool = True, context: ssl.SSLContext | None = None) -> None:
        self.port, self.reads, self._context = port, reads, context
        self.streams: dict[int, Heard] = {}
        self.gone: list[int] = []
        """The last streams of the GOAWAYs that came."""
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self._context, server_hostname="localhost" if self._context else None
        )
        self.h2.initiate_connection()
        self.flush()
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def flush(self) -> None:
        """Sends what is to be sent."""
        self._writer.write(self.h2.data_to_send())

    def raw(self, data: bytes) -> None:
        """Sends bytes that h2 would not write."""
        self._writer.write(data)

    async def _listen(self) -> None:
        try:
            while frame := await self._frame():
                for event in self.h2.receive_data(frame):
                    self._hear(event)
                if not self._reader._buffer:  # type: ignore[attr-defined]
                    self.flush()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended.set()
            for heard in self.streams.values():
                heard.over.set()

    async def _frame(self) -> bytes:
        """The next frame but for GOAWAY, after which h2 would hear no answer that is still to come."""
        head = await self._reader.readexactly(9)
        body = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == GOAWAY:
            self.gone.append(int.from_bytes(body[:4], "big"))
            return await self._frame()
        return head + body

    def _hear(self, event: h2.events.Event) -> None:
        heard = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if heard is None:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            heard.interim.append(list(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            heard.fields = [(name, value) for name, value in event.headers]
        elif isinstance(event, h2.events.DataReceived):
            heard.body += event.data
            if self.reads and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            heard.trailers = [(name, value) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            heard.ended = True
            heard.over.set()
        elif isinstance(event, h2.events.StreamReset):
            heard.reset = event.error_code
            heard.over.set()

    # requests

    def begin(self, path: str = "/v2/models/m/infer", fields: Fields | None = None, ended: bool = False) -> int:
        """Sends a request's head; the number of its stream."""
        stream: int = self.h2.get_next_available_stream_id()
        self.streams[stream] = Heard()
        head = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"models")]
        self.h2.send_headers(stream, [*head, *(fields or [])], end_stream=ended)
        self.flush()
        return stream

    async def send(self, stream: int, data: bytes, ended: bool = False) -> None:
        """Sends a piece of the body, as windows allow."""
        at = 0
        async with asyncio.timeout(PATIENCE):
            while at < len(data):
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data) - at)
                if room:
                    self.h2.send_data(stream, data[at : at + room], end_stream=ended and at + room == len(data))
                    at += room
                    self.flush()
                await asyncio.sleep(0 if room else 0.002)
        if ended and not data:
            self.h2.end_stream(stream)
            self.flush()

    async def heard(self, stream: int) -> Heard:
        """What came on a stream, once it is over."""
        async with asyncio.timeout(PATIENCE):
            await self.streams[stream].over.wait()
        return self.streams[stream]

    async def ask(self, body: bytes = b'{"inputs": []}', fields: Fields | None = None, **more: str) -> Heard:
        """One request and its answer."""
        stream = self.begin(fields=fields, ended=not body, **more)
        if body:
            await self.send(stream, body, ended=True)
        return await self.heard(stream)
