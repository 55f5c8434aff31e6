"""A model server that counts each request body: whether a proxy made exactly the copies that it should."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Counting(ThreadingHTTPServer):
    """`seen`: request bodies; `heads`: request id, trace parent and body length of each request."""

    daemon_threads = True
    seen: Counter[bytes]
    heads: list[tuple[str, str, int]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes; without this the second waits for an acknowledgement of the first.
    disable_nagle_algorithm = True
    server: Counting

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen[body] += 1
        self.server.heads.append((self.headers["x-request-id"] or "", self.headers["traceparent"] or "", len(body)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def model_server() -> Iterator[Counting]:
    server = Counting(("127.0.0.1", 0), Handler)
    server.seen, server.heads = Counter(), []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
