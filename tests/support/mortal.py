"""A model server in a process of its own, which a test may kill and start again; what it was asked outlives it.

It answers `{"prediction": 1}`, but never a request whose body has `hold` in it. Each request is one letter of a file:
`l` for a live one, `c` for a copy, `h` and `H` where they are held.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.running import call, eventually

SERVER = """
import os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        held = b"hold" in self.rfile.read(int(self.headers["Content-Length"]))
        copy = "x-penumbra-shadow" in self.headers
        os.write(asked, b"lchH"[copy + 2 * held :][:1])
        if held:
            threading.Event().wait()
        self.send_response(200)
        self.send_header("Content-Length", "17")
        self.end_headers()
        self.wfile.write(b'{"prediction": 1}')

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Mortal:
    """`asked`: the requests so far, by letter; `kill` ends it at once, `start` begins it again on its port."""

    def __init__(self, record: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._record = record
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> Counter[str]:
        return Counter(self._record.read_text()) if self._record.exists() else Counter()

    def start(self) -> None:
        """Returns when it listens."""
        self._process = subprocess.Popen([sys.executable, "-c", SERVER, str(self.port), str(self._record)])
        eventually(self._listens, f"a server on port {self.port}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        try:
            return call(f"127.0.0.1:{self.port}", "GET", "/").status == 501
        except OSError:
            return False
