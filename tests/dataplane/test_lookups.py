"""Who is asked for which version."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from proxy.contracts.table import NameLookup, Version
from proxy.dataplane.endpoints import Found
from proxy.dataplane.lookups import Lookups
from proxy.dataplane.resolver import Answer
from proxy.dataplane.unexpected import UNEXPECTED
from tests.support.name_server import name_server


async def asked(lookups: Lookups, host: str, lookup: NameLookup) -> Answer:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    lookups.ask(Version("v1", host, 80, host, lookup=lookup), future.set_result)
    return await future


def test_dns_is_asked_by_those_who_say_so(tmp_path: Path) -> None:
    async def test() -> None:
        async with name_server(tmp_path) as (server, path):
            server.zone = {
                "localhost.test": [("A", "127.0.0.9", 7)],
                "_http._tcp.m.test": [("SRV", "0 1 8080 localhost.test", 9)],
            }
            lookups = Lookups(path, server.port)
            system = await asked(lookups, "localhost", "system")
            dns = await asked(lookups, "localhost.test", "dns")
            srv = await asked(lookups, "_http._tcp.m.test", "srv")
            assert isinstance(system, Found) and isinstance(dns, Found) and isinstance(srv, Found)
            assert (system.ttl, dns.ttl, srv.ttl) == (None, 7, 7)
            assert srv.addresses == [(socket.AF_INET, "127.0.0.9", 8080)]
            await asyncio.sleep(0)
            assert not lookups._tasks

    asyncio.run(test())


def test_what_nobody_foresaw_is_an_answer_too(tmp_path: Path) -> None:
    lookups = Lookups(str(tmp_path / "none"), 70_000)  # no port, which is no OSError
    answer = asyncio.run(asked(lookups, "n.test", "dns"))
    assert isinstance(answer, socket.gaierror) and answer.args == (socket.EAI_SYSTEM, UNEXPECTED)
