"""Both ends on a real Unix socket: ticks are counted once whatever breaks, tables reach everybody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proxy.contracts.record import Record, Tick
from proxy.contracts.table import Table
from proxy.link.client import LinkClient
from proxy.link.frames import Hello, Records
from proxy.link.outbox import Outbox
from proxy.link.server import LinkServer, WorkerStatus, _Connection
from tests.support.records import record as made

TABLE = Table(5, {}, ())


class Ends:
    """A worker's end and control's end."""

    def __init__(self, path: str) -> None:
        self.ticks: list[Tick] = []
        self.records: list[Record] = []
        self.tables: list[Table] = []
        self.path = path
        self.server = self.make_server()
        self.outbox = Outbox(0, "abc")
        self.client = LinkClient(path, self.outbox, Hello(0, "abc", 7), self.tables.append, time.monotonic)

    def make_server(self) -> LinkServer:
        return LinkServer(self._ticked, self._recorded)

    def _recorded(self, batch: Records) -> int:
        self.records += batch.records
        return len(batch.records)

    def _ticked(self, tick: Tick) -> float:
        self.ticks.append(tick)
        return 0.25

    async def listen(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        sock.bind(self.path)
        sock.listen()
        await self.server.start(sock)

    async def until(self, look: Callable[..., Any]) -> None:
        async with asyncio.timeout(20):
            while not look():  # noqa: ASYNC110
                await asyncio.sleep(0.002)


def drive(test: Callable[..., Any], tmp_path: Path) -> None:
    async def main() -> None:
        ends = Ends(str(tmp_path / "link"))
        await ends.listen()
        running = asyncio.create_task(ends.client.run())
        try:
            await test(ends)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await ends.server.close()
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_table_reaches_workers_that_are_there_and_those_that_come(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        ends.server.publish(TABLE)
        await ends.until(lambda: ends.tables)
        ends.server.publish(Table(6, {}, ()))
        await ends.until(lambda: len(ends.tables) == 2)
        assert [table.revision for table in ends.tables] == [5, 6]

    drive(test, tmp_path)


def test_an_acknowledged_tick_is_counted_once_and_carries_the_sample_back(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        await ends.until(lambda: ends.server.workers)
        before = ends.client.heard
        ends.client.send_tick(Tick(0, "abc", 1, 5))
        await ends.until(lambda: ends.outbox.may_tick)
        assert [tick.seq for tick in ends.ticks] == [1]
        assert ends.client.sample == 0.25
        assert ends.client.heard > before
        (worker,) = ends.server.workers
        assert (worker.pid, worker.revision, worker.connected) == (7, 5, True)

    drive(test, tmp_path)


def test_a_tick_whose_acknowledgement_was_lost_is_sent_again_and_not_counted_again(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        await ends.until(lambda: ends.server.workers)
        send = ends.server.ticked

        def swallow(connection: _Connection, status: WorkerStatus, tick: Tick) -> None:
            status.seq = tick.seq
            ends.ticks.append(tick)
            connection.abort()  # counted, but the acknowledgement never leaves
            ends.server.ticked = send  # type: ignore[method-assign]

        ends.server.ticked = swallow  # type: ignore[method-assign]
        ends.client.send_tick(Tick(0, "abc", 1, 5))
        await ends.until(lambda: ends.outbox.may_tick)
        assert [tick.seq for tick in ends.ticks] == [1]

    drive(test, tmp_path)


def test_a_tick_that_found_no_control_waits_for_it(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        await ends.until(lambda: ends.server.workers)
        await ends.server.close()
        await ends.until(lambda: ends.client._transport is None)
        ends.client.send_tick(Tick(0, "abc", 1, 5))
        (tmp_path / "link").unlink(missing_ok=True)
        ends.server = ends.make_server()
        await ends.listen()
        await ends.until(lambda: ends.outbox.may_tick)
        assert [tick.seq for tick in ends.ticks] == [1]

    drive(test, tmp_path)


def test_records_arrive(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        await ends.until(lambda: ends.server.workers)
        ends.outbox.put(made())
        ends.client.send_records()
        await ends.until(lambda: ends.records)
        assert ends.records[0].request_id == "id"

    drive(test, tmp_path)


def test_a_peer_that_talks_nonsense_is_cut_off(tmp_path: Path) -> None:
    async def test(ends: Ends) -> None:
        for nonsense in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1"):
            reader, writer = await asyncio.open_unix_connection(ends.path)
            writer.write(nonsense)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        ends.server.publish(TABLE)
        await ends.until(lambda: ends.tables)  # the others are not touched

    drive(test, tmp_path)
