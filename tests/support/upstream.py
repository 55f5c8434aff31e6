"""Model servers for tests: threads that answer who they are, and can be slow, dead, wrong or hold an answer back."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from tests.support.serving import Handler, Serving


class Upstream(Serving):
    """Answers every request with its name.

    `status` is what it answers with, `body` its answer (the name by default), `seen` the requests so far as (method,
    path). `hold()` makes it wait with answers until `release()`; `held` says how many wait. `garbage` is answered in
    place of HTTP, `stream` in place of the body, as server-sent events, one after the other.
    """

    def __init__(self, name: str) -> None:
        super().__init__(_Handler)
        self.name = name
        self.status = 200
        self.body = name.encode()
        self.garbage = b""
        self.stream: list[bytes] = []
        self.seen: list[tuple[str, str]] = []
        self.held = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()

    def hold(self) -> None:
        """From now on no request is answered."""
        self._open.clear()

    def release(self) -> None:
        """All requests that wait are answered, and new ones at once."""
        self._open.set()

    def wait(self) -> None:
        """Called by handlers: returns when answers may go out."""
        if not self._open.is_set():
            self.held.release()
        self._open.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        super().__exit__(kind, error, trace)


class _Handler(Handler):
    server: Upstream

    def _answer(self) -> None:
        upstream = self.server
        self.body()
        upstream.seen.append((self.command, self.path))
        upstream.wait()
        if upstream.garbage:
            self.wfile.write(upstream.garbage)
            self.close_connection = True
            return
        if upstream.stream:
            self._tell(upstream.status, upstream.stream)
        else:
            self.answer(upstream.status, upstream.body)

    def _tell(self, status: int, events: list[bytes]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            data = b"data: %b\n\n" % event
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            time.sleep(0.002)
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = _answer  # noqa: N815
