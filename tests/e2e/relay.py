"""What stands between the proxy and a model server in a test: it can be slow, fail, and be gone.

And the clients of these tests: threads that send real rows, and afterwards the label of each.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.serving import Handler, Serving

PATH = "/v2/models/cancer/infer"


class Relay(Serving):
    """Forwards to the model server at `url`, `delay` seconds later; answers `failing` of the requests with 500, or
    closes every connection once it is `gone`."""

    def __init__(self, url: str) -> None:
        super().__init__(_Forward)
        self.target = urlsplit(url)
        self.delay = self.failing = 0.0
        self.gone = False


class _Forward(Handler):
    server: Relay

    def do_POST(self) -> None:  # noqa: N802
        body = self.body()
        if self.server.gone:
            self.close_connection = True
            return
        if random.random() < self.server.failing:
            self.answer(500, b"{}")
            return
        time.sleep(self.server.delay)
        connection = HTTPConnection(self.server.target.hostname or "", self.server.target.port, timeout=10)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            self.answer(response.status, response.read())
        finally:
            connection.close()


class Clients:
    """Sends rows until the block ends, `rate` a second in all; `labels` come after each answer, when wanted. `headers`:
    those of each request."""

    def __init__(
        self,
        address: str,
        rows: Path,
        rate: float = 120.0,
        feedback: str = "",
        threads: int = 8,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._host, _, self._port = address.partition(":")
        content = json.loads(rows.read_text(encoding="utf-8"))
        self._rows, self._labels = content["rows"], content["labels"]
        self._feedback, self._rate, self._headers = feedback, rate, headers or {}
        self._numbers = itertools.count()
        self._started = time.monotonic()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(threads)]
        self.failures: list[str] = []
        self.answered = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = HTTPConnection(self._host, int(self._port), timeout=20)
        for number in self._numbers:
            if self._over.wait(max(0.0, self._started + number / self._rate - time.monotonic())):
                break
            self._exchange(connection, number)
        connection.close()

    def _exchange(self, connection: HTTPConnection, number: int) -> None:
        row = self._rows[number % len(self._rows)]
        tensor = {"name": "row", "shape": [1, len(row)], "datatype": "FP64", "data": row}
        named = {"x-request-id": f"row-{number}", "x-user-id": f"user-{number}"}
        headers = {"Content-Type": "application/json", **named, **self._headers}
        try:
            connection.request("POST", PATH, json.dumps({"inputs": [tensor]}), headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as problem:
            self.failures.append(repr(problem))
            return
        self.answered += 1
        if response.status != 200:
            self.failures.append(f"{response.status}: {content[:200]!r}")
        elif self._feedback:
            self._label(number)

    def _label(self, number: int) -> None:
        label = {"request_id": f"row-{number}", "label": self._labels[number % len(self._labels)]}
        host, _, port = self._feedback.removeprefix("http://").partition(":")
        connection = HTTPConnection(host, int(port), timeout=20)
        connection.request("POST", "/v1/feedback", json.dumps(label), {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        assert status == 200
