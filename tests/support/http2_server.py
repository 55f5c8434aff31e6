"""A model server of HTTP/2 on h2, the reference, that answers as a script says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions

Fields = list[tuple[bytes, bytes]]


@dataclass
class Asked:
    """One request. `ended`: all of it has come."""

    connection: Served
    stream: int
    fields: Fields
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reset: int | None = None

    def field(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.fields if key == name.encode()), None)

    def head(self, *fields: tuple[bytes, bytes], status: bytes = b"200", ended: bool = False) -> None:
        self.connection.h2.send_headers(self.stream, [(b":status", status), *fields], end_stream=ended)
        self.connection.flush()

    async def data(self, data: bytes, ended: bool = False) -> None:
        at, engine = 0, self.connection.h2
        while at < len(data):
            room = min(engine.local_flow_control_window(self.stream), engine.max_outbound_frame_size, len(data) - at)
            if room:
                engine.send_data(self.stream, data[at : at + room], end_stream=ended and at + room == len(data))
                at += room
                self.connection.flush()
            await asyncio.sleep(0 if room else 0.002)
        if ended and not data:
            self.end()

    def end(self, *trailers: tuple[bytes, bytes]) -> None:
        if trailers:
            self.connection.h2.send_headers(self.stream, list(trailers), end_stream=True)
        else:
            self.connection.h2.end_stream(self.stream)
        self.connection.flush()

    def refuse(self, code: int) -> None:
        self.connection.h2.reset_stream(self.stream, code)
        self.connection.flush()


Script = Callable[[Asked], Awaitable[None]]


class Served:
    """A connection from the proxy."""

    def __init__(self, server: Http2Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.streams: dict[int, Asked] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        config = h2.config.H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def serve(self) -> None:
        self.h2.initiate_connection()
        if self.server.streams is not None:
            self.h2.update_settings({3: self.server.streams})
        self.flush()
        try:
            while data := await self.reader.read(65_536):
                for event in self.h2.receive_data(data):
                    self._hear(event)
                self.flush()
        except (ConnectionError, h2.exceptions.ProtocolError):
            pass
        finally:
            for task in self.tasks:
                task.cancel()
            self.writer.close()
            self.server.open.discard(self)

    def _hear(self, event: h2.events.Event) -> None:
        asked = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if isinstance(event, h2.events.RequestReceived):
            fields = [(name, value) for name, value in event.headers]
            asked = self.streams[event.stream_id] = Asked(self, event.stream_id, fields)
            self.server.seen.append(asked)
            self.server.most = max(self.server.most, self.h2.open_inbound_streams)
            task = asyncio.get_running_loop().create_task(self._answer(asked))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif asked is None:
            return
        elif isinstance(event, h2.events.DataReceived):
            asked.body += event.data
            if self.server.reads and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            asked.trailers = [(name, value) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            asked.ended.set()
        elif isinstance(event, h2.events.StreamReset):
            asked.reset = event.error_code
            asked.ended.set()

    async def _answer(self, asked: Asked) -> None:
        try:
            await self.server.script(asked)
        except (h2.exceptions.ProtocolError, ConnectionError):
            return  # the proxy has let go of it

    def goaway(self, last: int) -> None:
        """Says that streams above `last` were not worked on, and takes no further one."""
        frame = bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + last.to_bytes(4, "big") + bytes(4)
        self.writer.write(frame)


class Http2Server:
    """`streams`: how many it allows on a connection; `reads`: whether it gives windows back."""

    def __init__(
        self,
        script: Script,
        streams: int | None = None,
        context: ssl.SSLContext | None = None,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.script, self.streams, self._context, self._at = script, streams, context, at
        self.reads = True
        self.seen: list[Asked] = []
        self.open: set[Served] = set()
        self.connections = self.most = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, *self._at, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for served in tuple(self.open):
            served.writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        served = Served(self, reader, writer)
        self.open.add(served)
        await served.serve()


def says(body: bytes, *trailers: tuple[bytes, bytes]) -> Script:
    """Answers every request with these."""

    async def script(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"content-type", b"application/grpc"))
        await asked.data(body, ended=not trailers)
        if trailers:
            asked.end(*trailers)

    return script
