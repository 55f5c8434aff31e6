"""Calls of the Open Inference Protocol by gRPC, as an ordinary client makes them: many at once over one connection.

They are written by this package's own HTTP/2 and by hand, since nothing else of the demo needs gRPC's library.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from proxy.contracts.grpc_status import NAMES, code_of, unescaped
from proxy.demo.servers import MODEL
from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import NO_ERROR, Http2Error
from proxy.http2.engine import Http2Engine
from proxy.http2.fields import FieldList

SERVICE = "inference.GRPCInferenceService"
PATH = f"/{SERVICE}/ModelInfer"
READ = 64 * 1024
PATIENCE = 30.0
"""Seconds until a call is given up."""


def encode(row: Sequence[float]) -> bytes:
    """One row as a ModelInferRequest that asks for class and probabilities, in its frame."""
    contents = _field(7, struct.pack(f"<{len(row)}d", *row))
    shape = _field(3, bytes((1,)) + _varint(len(row)))
    tensor = _field(1, b"row") + _field(2, b"FP64") + shape + _field(5, contents)
    wanted = b"".join(_field(6, _field(1, name)) for name in (b"predict", b"predict_proba"))
    message = _field(1, MODEL.encode()) + _field(5, tensor) + wanted
    return b"\0" + len(message).to_bytes(4, "big") + message


def _field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))


class CallAnswer:
    """The answer of one call, as far as it came; `done` once it has ended, True: in good order."""

    __slots__ = ("body", "done", "fields", "trailers")

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.trailers: dict[bytes, bytes] = {}
        self.body = b""
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def version(self) -> str:
        """Who answered."""
        return self.fields.get(b"x-penumbra-version", b"").decode()

    def error(self) -> str:
        """What was wrong with it, "": nothing."""
        trailers = self.fields | self.trailers
        code = code_of(trailers.get(b"grpc-status"), int(self.fields.get(b":status", b"0")))
        if code:
            return f"{NAMES[code]} from {self.version or 'nobody'}: {unescaped(trailers.get(b'grpc-message', b''))}"
        return "" if self.body else f"OK without a message from {self.version}"


class CallConnection(Http2Engine):
    """One connection to a server; `call` starts a call on it."""

    __slots__ = ("_answers", "_writer")

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__(True, Http2Bounds())
        self._writer = writer
        self._answers: dict[int, CallAnswer] = {}

    def call(self, fields: FieldList, message: bytes) -> CallAnswer:
        """Sends a request. Raises Http2Error where the connection takes none any more."""
        answer, stream = CallAnswer(), self.request(fields, False)
        self._answers[stream] = answer
        self.data(stream, message, True)
        self.flush()
        return answer

    def flush(self) -> None:
        """Writes what is to be sent."""
        while data := self.take():
            self._writer.write(data)

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Reads answers until the connection ends; those under way end with it."""
        try:
            self.flush()
            while data := await reader.read(READ):
                self.feed(data, time.monotonic())
                self.flush()
        except (Http2Error, OSError):
            pass
        finally:
            for stream in tuple(self._answers):
                self._end(stream, False)

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        self._answers[stream].fields |= dict(fields)

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        self._answers[stream].body += data
        self.credit(stream)

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        self._answers[stream].trailers |= dict(fields)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        self._end(stream, code == NO_ERROR)

    def _end(self, stream: int, fine: bool) -> None:
        answer = self._answers.pop(stream, None)
        if answer is not None and not answer.done.done():
            answer.done.set_result(fine)


class CallClient:
    """A client of ModelInfer at `url` (h2c by prior knowledge). `opened` while it is asked."""

    __slots__ = ("_authority", "_connection", "_host", "_port")

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname or "", split.port or 80
        self._authority = split.netloc.encode()
        self._connection: CallConnection | None = None

    @staticmethod
    def encode(row: Sequence[float]) -> bytes:
        """One row as a request."""
        return encode(row)

    @contextlib.asynccontextmanager
    async def opened(self, connections: int) -> AsyncIterator[None]:
        """Calls can be made while the block runs; one connection carries them all."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self._connection = CallConnection(writer)
        reading = asyncio.create_task(self._connection.read(reader))
        try:
            yield
        finally:
            reading.cancel()
            writer.close()
            await asyncio.gather(reading, return_exceptions=True)

    async def ask(self, user: str, body: bytes) -> tuple[str, str]:
        """The version that answered, and what was wrong ("": nothing)."""
        assert self._connection is not None
        fields = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", PATH.encode()),
            (b":authority", self._authority),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"x-user-id", user.encode()),
        ]
        try:
            answer = self._connection.call(fields, body)
            fine = await asyncio.wait_for(answer.done, PATIENCE)
        except (Http2Error, TimeoutError) as problem:
            return "", f"{type(problem).__name__}: {problem}"
        return answer.version, answer.error() if fine else f"reset by {answer.version or 'nobody'}"
