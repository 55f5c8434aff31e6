"""Binary tensors (the binary data extension of the Open Inference Protocol) cross Penumbra byte for byte.

MLServer refuses them over HTTP (it reads JSON only), so its refusal must come through as it is; a small server of the
extension, written here after its specification, shows that accepted ones do, with the canary and a shadow in place.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Models, Penumbra

COUNT = 60


class BinaryModel(BaseHTTPRequestHandler):
    """Answers the mean of its FP64 input as a binary FP64 tensor; keeps what it got."""

    protocol_version = "HTTP/1.1"
    server: BinaryServer

    def do_GET(self) -> None:
        self._answer(b"", {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        head = int(self.headers["inference-header-content-length"])
        self.server.bodies.append(body)
        tensor = json.loads(body[:head])["inputs"][0]
        values = struct.unpack(f"<{tensor['shape'][1]}d", body[head : head + tensor["parameters"]["binary_data_size"]])
        low = sum(values) / len(values)
        output = {"name": "predict_proba", "shape": [1, 2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
        answer = {"model_name": "cancer", "model_version": self.server.version, "outputs": [output]}
        text = json.dumps(answer).encode()
        self._answer(text + struct.pack("<2d", -low, low), {"Inference-Header-Content-Length": str(len(text))})

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items() | {("content-length", str(len(body)))}:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class BinaryServer(ThreadingHTTPServer):
    """One version of the model."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, version: str) -> None:
        super().__init__(("127.0.0.1", 0), BinaryModel)
        self.version = version
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def binary_servers() -> Iterator[dict[str, BinaryServer]]:
    servers = {version: BinaryServer(version) for version in ("cancer-v1", "cancer-v2", "cancer-v3")}
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield servers
    for server in servers.values():
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


def test_binary_tensors_cross_unchanged(
    models: Models, start: Callable[..., Penumbra], binary_servers: dict[str, BinaryServer]
) -> None:
    direct = models.exchanges(address(binary_servers["cancer-v1"].url), count=COUNT, connections=1, binary=True)
    sent = sorted(binary_servers["cancer-v1"].bodies)
    binary_servers["cancer-v1"].bodies.clear()
    penumbra = start(
        {version: server.url for version, server in binary_servers.items()},
        primary="cancer-v1",
        canary={"version": "cancer-v2", "percent": 50},
        shadows=[{"version": "cancer-v3", "percent": 100}],
    )
    through = models.exchanges(penumbra.address, count=COUNT, connections=1, binary=True)
    assert not any(exchange.error for exchange in through)
    assert [exchange.probability for exchange in through] == [exchange.probability for exchange in direct]
    assert {exchange.version for exchange in through} == {"cancer-v1", "cancer-v2"}
    assert sorted(binary_servers["cancer-v1"].bodies + binary_servers["cancer-v2"].bodies) == sent
    penumbra.until(lambda _: penumbra.legs(role="shadow") >= COUNT, "the copies")
    assert sorted(binary_servers["cancer-v3"].bodies) == sent
    pairs = sum(exchange.version == "cancer-v1" for exchange in through)
    penumbra.until(
        lambda _: penumbra.metrics().total("penumbra_compared_total") == pairs, "the binary answers compared"
    )
    assert penumbra.metrics().one("penumbra_disagreement_ratio") == 0.0


def test_a_refusal_comes_through_as_it_is(models: Models, start: Callable[..., Penumbra]) -> None:
    url = models.servers["cancer-v1"].url
    penumbra = start({"cancer-v1": url}, primary="cancer-v1")
    direct = models.exchanges(address(url), count=2, connections=1, binary=True)
    through = models.exchanges(penumbra.address, count=2, connections=1, binary=True)
    assert direct[0].error
    assert [exchange.error for exchange in through] == [exchange.error for exchange in direct]


def address(url: str) -> str:
    return url.removeprefix("http://")
