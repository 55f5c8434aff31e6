"""A request that has passed through this program before ends here, whatever led it back; others go on with a hop."""

from __future__ import annotations

import pytest

from tests.support.fakes import Bench, FakeClient, asked
from tests.support.plane import route
from tests.support.transcripts import read_requests

OURS = b"x-penumbra-hop: 0123456789abcdef\r\n"


@pytest.mark.parametrize("ours", [b"", OURS])
@pytest.mark.parametrize(("hops", "loops"), [(b"", False), (b" fedcba", False), (b" fedcba 0123456789abcdef", True)])
def test_circles_end_here(ours: bytes, hops: bytes, loops: bool) -> None:
    bench, head = Bench(route()), asked(0)
    bench.shared.hop, head.hops = ours, hops
    _, client = bench.begin(head)
    assert isinstance(client, FakeClient)
    if loops and ours:
        assert client.ends == ["loop", "done"] and bench.counted()["rejected"] == {("r", "loop"): 1}
    else:
        assert bench.pools["v1"].last.begun[2].endswith(ours) and client.ends == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", "tls_hello"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2_preface"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "proxy_preface"),
        (b"\r\n\r\n\x00\r\nQUIT\n", "proxy_preface"),
        (b"\x17\x03\x01", "not_implemented"),
    ],
)
def test_other_protocols_are_named(raw: bytes, reason: str) -> None:
    _, error = read_requests(iter([raw]))
    assert error is not None and error.reason == reason


def test_hops_are_read_and_passed_on() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: m\r\nX-Penumbra-Hop: a\r\nx-request-id: 1\r\n\r\n"
    for _ in range(3):  # parsed, and remembered
        requests, error = read_requests(iter([raw]))
        assert error is None and requests.heads[0].hops == b" a"
        assert b"x-penumbra-hop: a\r\n" in requests.heads[0].fields
