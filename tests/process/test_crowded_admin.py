"""A thousand clients that hold connections to the admin port keep neither health nor an operator out."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from tests.process.conftest import Start
from tests.support.running import call

CROWD = 1000
SENT = (
    b"",
    b"GET /v1/routes HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n[",
)


def test_health_answers_beside_a_thousand_idle_and_slow_clients(start: Start) -> None:
    running = start()
    host, _, port = running.admin.rpartition(":")
    with ExitStack() as crowd:
        for at in range(CROWD):
            client = crowd.enter_context(socket.create_connection((host, int(port)), timeout=30.0))
            client.sendall(SENT[at % len(SENT)])
        for path in ("/healthz", "/readyz", "/v1/routes", "/metrics"):
            assert call(running.admin, "GET", path).status == 200, path
        assert call(running.admin, "PUT", "/v1/routes/r/split", {"b": 0}).status == 200
        text = call(running.admin, "GET", "/metrics").body.decode()
    line = next(line for line in text.splitlines() if 'bound="api_connections"' in line)
    assert float(line.rpartition(" ")[2]) >= CROWD - 200
