"""Which call a request of REST means."""

from __future__ import annotations

import pytest

from proxy.routing.oip.method import method_of


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        (b"POST", b"/v2/models/a%2Fb/infer", (b"ModelInfer", b"a/b", b"")),
        (b"POST", b"/v2/models/m/versions/3/infer", (b"ModelInfer", b"m", b"3")),
        (b"GET", b"/v2/models/m/ready", (b"ModelReady", b"m", b"")),
        (b"HEAD", b"/v2/models/m/ready", (b"ModelReady", b"m", b"")),
        (b"GET", b"/v2/models/m", (b"ModelMetadata", b"m", b"")),
        (b"GET", b"/v2/health/live", (b"ServerLive", b"", b"")),
        (b"GET", b"/v2/health/ready", (b"ServerReady", b"", b"")),
        (b"GET", b"/v2", (b"ServerMetadata", b"", b"")),
    ],
)
def test_a_path_means_a_call(method: bytes, path: bytes, call: tuple[bytes, ...]) -> None:
    found = method_of(method, path)
    assert found is not None and (found.name, found.model, found.version) == call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((b"GET", b"/v2/models/m/infer"), (b"POST", b"/v2/models/m/generate"), (b"POST", b"/v2/health/live")),
        *((b"HEAD", b"/v2/models/m/infer"), (b"OPTIONS", b"/v2/models/m")),
        *((b"POST", b"/v2/models/%ff/infer"), (b"POST", b"/v1/models/m/infer"), (b"DELETE", b"/v2/models/m")),
    ],
)
def test_other_requests_mean_none(method: bytes, path: bytes) -> None:
    assert method_of(method, path) is None
