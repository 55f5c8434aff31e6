"""Bodies that are small on the wire and dear to read: control goes on, and says how many there were.

80 bodies of 400 bytes, each of which becomes 4 MiB and was then 475 MB and five seconds, and names of 200,000
characters, through the real processes.
"""

from __future__ import annotations

import re
from http.client import HTTPConnection
from pathlib import Path

import orjson
import zstandard

from proxy.payload.encoding import MAX_EXPANDED
from tests.process.conftest import Start
from tests.support.running import Running, eventually
from tests.support.upstream import Upstream

UNITS = (b"[],", b"{},", b'{"a":1},', b"NaN,")
BOMBS = [b'{"predictions":[' + unit * ((MAX_EXPANDED - 64) // len(unit)) + b"1]}" for unit in UNITS]
LONG_NAMES = 20
MIB = 1 << 20


def send(client: HTTPConnection, body: bytes, coding: str = "identity") -> None:
    client.request("POST", "/predict", body, {"Content-Type": "application/json", "Content-Encoding": coding})
    response = client.getresponse()
    response.read()
    assert response.status == 200


def value(running: Running, series: str) -> float:
    """The sum of the series whose text begins so."""
    page = running.ask("GET", "/metrics").body.decode()
    return sum(map(float, re.findall(rf"^{re.escape(series)}[^ ]* (\S+)$", page, re.MULTILINE)))


def peak(pid: int) -> int:
    """Bytes of resident memory that a process has had at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) * 1024


def test_control_reads_nothing_that_would_silence_it(start: Start, a: Upstream) -> None:
    a.body = b"[1.5]"
    running = start(top="analysis_cpu: 100")
    packed = [zstandard.ZstdCompressor().compress(bomb) for bomb in BOMBS]
    control, client = running.child("control"), HTTPConnection(running.data)
    send(client, b"[1]")
    eventually(lambda: value(running, "penumbra_analysed_total"), "the first record")
    before = peak(control)
    for at in range(80):
        send(client, packed[at % len(packed)], "zstd")
    for at in range(LONG_NAMES):
        send(client, orjson.dumps([{f"{at}" + "n" * 200_000: 1}]))
    client.close()

    def lost() -> float:
        return value(running, "penumbra_records_dropped_total")

    unread = 'penumbra_unreadable_bodies_total{reason="too_many_values",role="primary",route="r",side="request"'
    eventually(lambda: value(running, "penumbra_analysed_total") + lost() >= 101, "all records, read or counted")
    assert value(running, unread) + lost() >= 80
    assert running.child("control") == control
    assert value(running, "penumbra_worker_leased") == 1.0
    assert not running.events("control has been silent")
    assert peak(control) - before < 200 * MIB
