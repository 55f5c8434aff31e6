"""The real files of the status page, in front of answers of the API that a test made: any state, without load."""

from __future__ import annotations

import json
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import unquote, urlsplit

from proxy.control.api.page import static
from tests.support.serving import Handler, Serving

Document = dict[str, Any]


class PageServer(Serving):
    """`documents` are what the stream of events tells, and what is asked for by path; `asked` are the paths so far.

    `answers` has what is not in the stream; a function gets the query.
    """

    def __init__(self, documents: dict[str, Document], answers: dict[str, Any], at: float) -> None:
        super().__init__(_Handler)
        self.documents, self.answers, self.at = documents, answers, at
        self.asked: list[str] = []
        self.listeners: list[_Handler] = []
        self.gone = False

    def event(self, path: str, document: Document | None) -> bytes:
        """A document as the stream of events has it."""
        told = {"at": self.at, "path": path, "etag": '"1"', "document": document}
        return b"event: document\ndata: %b\n\n" % json.dumps(told).encode()

    def fall_silent(self) -> None:
        """Ends the streams, and takes no further one."""
        self.gone = True
        for each in self.listeners:
            with suppress(OSError):  # whose browser left before
                each.connection.shutdown(SHUT_RDWR)


class _Handler(Handler):
    server: PageServer

    def _answer(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        self.server.asked.append(self.path)
        if path == "/v1/events":
            return self._stream()
        name = static.HOME if path == "/" else path.removeprefix("/page/")
        if name in static.FILES:
            file = static.served(name)
            return self._send(200, file.body, static.HEADERS | {"Content-Type": file.media})
        found = self.server.answers.get(unquote(path), self.server.documents.get(unquote(path)))
        document = found(query) if callable(found) else found
        status = 404 if document is None else 200
        body = json.dumps({"title": "not found"} if document is None else document).encode()
        return self._send(status, body, {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        if self.server.gone:
            return self._send(503, b'{"title": "control is not there"}', {"Content-Type": "application/json"})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.server.listeners.append(self)
        self.chunk(b"".join(self.server.event(*each) for each in self.server.documents.items()))
        self.rfile.read(1)  # until the browser leaves
        return None

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    do_GET = do_POST = _answer  # noqa: N815
