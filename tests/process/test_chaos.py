"""A shadow or a canary misbehaves in every way beside a healthy primary: the client must not see any of it.

One real `penumbra run` with a route for each role and fault; each is asked with small, large and streamed bodies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.support.chaos import Servers
from tests.support.running import Running, eventually
from tests.support.scripted import Request, Served, answer, black_hole, drips, huge, resets_after, says

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf"
FAULTS = {
    "dead": says(b""),
    "black-hole": black_hole,
    "reset": resets_after(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset-in-body": resets_after(HALF),
    "drip": drips(answer(b"drip"), 1.0),
    "garbage": says(b"\x00\xff garbage\r\n\r\n" * 50),
    "huge": huge(100_000_000),
}
VISIBLE = ("reset-in-body", "huge")
"""As a canary these begin a valid answer, which is the client's from then on; as a shadow nobody sees them."""

BODIES = {
    "small": (json.dumps({"n": 1}).encode(), False),
    "large": (b"x" * 3_000_000, False),
    "streamed": (b"y" * 3_000_000, True),
}


async def healthy(served: Served, request: Request) -> bool:
    """Answers with the digest of what it got."""
    served.writer.write(answer(hashlib.sha256(request.body).hexdigest().encode()))
    return True


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers({"good": healthy, **FAULTS}, dead=("dead",)) as running:
        yield running


@pytest.fixture(scope="module")
def running(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("chaos")
    versions = {name: {"url": servers.url(name)} for name in servers.by_name}
    common = {"protocol": "json", "primary": "good", "limits": {"mirror_inflight": 8}}
    quiet = {"scorecard": {"error_rate": {"max_ratio": 1.5}}, "on_breach": "notify"}
    routes = {}
    for name in FAULTS:
        routes[f"shadow-{name}"] = {
            **common,
            "match": {"path": f"/shadow/{name}"},
            "shadows": [{"version": name, "percent": 100}],
            "timeouts": {"response": "2s"},
        }
        routes[f"canary-{name}"] = {
            **common,
            **quiet,
            "match": {"path": f"/canary/{name}"},
            "canary": {"version": name, "percent": 50},
            "rescue": {"after": "200ms"},
        }
    config = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state": str(home / "state.db"),
        "drain": "1s",
        "versions": versions,
        "routes": routes,
    }
    path = home / "penumbra.yaml"
    path.write_text(json.dumps(config))
    with Running(path) as process:
        yield process


def ask(connection: HTTPConnection, path: str, body: bytes, streamed: bool) -> tuple[int, bytes]:
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000)) if streamed else body
    connection.request("POST", path, pieces, encode_chunked=streamed)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize(
    ("role", "fault"),
    [("shadow", fault) for fault in FAULTS] + [("canary", fault) for fault in FAULTS if fault not in VISIBLE],
)
def test_the_client_sees_nothing_of_it(running: Running, role: str, fault: str, size: str) -> None:
    body, streamed = BODIES[size]
    expected = hashlib.sha256(body).hexdigest().encode()
    host, _, port = running.data.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    for _ in range(12):
        assert ask(connection, f"/{role}/{fault}/infer", body, streamed) == (200, expected)
    connection.close()


def test_what_happened_is_counted(running: Running) -> None:
    """Every request of the matrix is in the counters, under the version that it was assigned to."""
    host, _, port = running.data.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    for role in ("shadow", "canary"):
        for _ in range(40):
            ask(connection, f"/{role}/dead/infer", b"{}", False)
    connection.close()

    def counted() -> bool:
        rows = samples(running, "penumbra_requests_total")
        live = sum(n for key, n in rows if "shadow-dead" in key and 'role="primary"' in key)
        copies = sum(n for key, n in rows if "shadow-dead" in key and 'role="shadow"' in key)
        drops = sum(n for key, n in samples(running, "penumbra_shadow_dropped_total") if "shadow-dead" in key)
        assigned = sum(
            n for key, n in rows if "canary-dead" in key and ('role="canary"' in key or 'role="primary"' in key)
        )
        rescued = sum(n for key, n in samples(running, "penumbra_rescued_total") if "canary-dead" in key)
        extra = sum(n for key, n in rows if "canary-dead" in key and 'role="rescue"' in key)
        failed = sum(n for key, n in rows if "canary-dead" in key and "connect_failed" in key)
        return live >= 40 and copies + drops == live and assigned >= 40 and rescued == extra == failed > 0

    eventually(counted, "counters that add up")


def samples(running: Running, name: str) -> list[tuple[str, float]]:
    text = running.ask("GET", "/metrics").body.decode()
    return [
        (line.rpartition(" ")[0], float(line.rpartition(" ")[2]))
        for line in text.splitlines()
        if line.startswith(f"{name}{{")
    ]


@pytest.mark.parametrize("fault", VISIBLE)
def test_an_answer_that_has_begun_is_passed_on_as_it_comes(running: Running, fault: str) -> None:
    """Half an answer of a canary never looks whole; a huge one is streamed."""
    from http.client import HTTPException

    host, _, port = running.data.rpartition(":")
    seen = set()
    for _ in range(12):
        connection = HTTPConnection(host, int(port), timeout=60)
        try:
            status, body = ask(connection, f"/canary/{fault}/infer", b"{}", False)
            seen.add((status, len(body)))
        except (HTTPException, ConnectionError):
            seen.add((0, 0))
        connection.close()
    assert (200, 64) in seen  # the primary's
    assert seen <= {(200, 64), (200, 100_000_000) if fault == "huge" else (0, 0)}
