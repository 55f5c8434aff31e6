"""A body is in memory once, however many versions get it: what lies in the sockets of servers that do not read are the
pieces that were read from the client, not copies of them."""

from __future__ import annotations

import gc
import time
import tracemalloc
from itertools import count

import pytest

from proxy.contracts.memory import MIB
from proxy.contracts.table import Limits, Match, Route, Share, Table, Version
from proxy.dataplane.descriptors import Descriptors
from proxy.dataplane.dialing import ServerDialer
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.live import Registry
from proxy.dataplane.lookups import Lookups
from proxy.dataplane.memory import Memory
from proxy.dataplane.names import VersionNames
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.link.outbox import Outbox

SIZE = 2 * MIB
HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % SIZE
SLACK = SIZE // 16
"""Bytes of heads, lists and whatever else an exchange takes beside its body."""


class Unread:
    """A transport whose other side does not read: all that is written stays."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.kept.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.kept += pieces

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.kept))

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None:
        """There is nobody who could be paused."""

    def is_closing(self) -> bool:
        return False


def bench(shadows: int) -> tuple[Downstream, list[Unread]]:
    """A client's connection, and the sockets of the primary and of so many shadows."""
    names = [f"v{number}" for number in range(shadows + 1)]
    versions = {name: Version(name, "127.0.0.1", 80, f"{name}:80") for name in names}
    copies = tuple(Share(name, 100.0) for name in names[1:])
    route = Route("m", Match("/"), "opaque", "v0", shadows=copies, limits=Limits(mirror_body=4 * MIB))
    tally, timings = Tally(), Timings()
    shared = Shared(tally, Recorder(Outbox(0, "test"), 0.0, Memory(512 * MIB)), timings, 10, time.monotonic)
    dialer = ServerDialer(timings, VersionNames(tally, time.monotonic, Lookups().ask))
    registry = Registry(tally, dialer, Descriptors(10_000))
    shared.table = registry.compile(Table(1, versions, (route,)))
    sockets = []
    for pool in registry.pools:
        server, socket = Upstream(pool.version, pool, timings), Unread()
        server.connection_made(socket)  # type: ignore[arg-type]
        pool.available(server, 0.0)
        sockets.append(socket)
    client = Downstream(shared)
    client.connection_made(Unread())  # type: ignore[arg-type]
    return client, sockets


@pytest.mark.parametrize("shadows", [1, 8])
@pytest.mark.parametrize("piece", [4096, 65_536, 256_000])
def test_servers_that_do_not_read_share_one_body(shadows: int, piece: int) -> None:
    client, sockets = bench(shadows)
    gc.collect()
    fill = count(1)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        client.data_received(HEAD)
        for at in range(0, SIZE, piece):
            client.data_received(bytes([next(fill) % 251]) * min(piece, SIZE - at))
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert SIZE <= after - before < SIZE + SLACK
    assert peak - before < SIZE + SLACK + piece, "nor twice on the way"
    assert len(sockets) == shadows + 1
    bodies = [b"".join(socket.kept).partition(b"\r\n\r\n")[2] for socket in sockets]
    assert len(bodies[0]) == SIZE and bodies == bodies[:1] * (shadows + 1)
