"""Endpoints by DNS, with servers that answer from a zone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from proxy.dataplane.dns import message
from proxy.dataplane.dns.exchange import Unanswered
from proxy.dataplane.dns.lookup import MAX_ADDRESSES, MAX_TARGETS, Lookup, Nothing, look_up
from proxy.dataplane.dns.message import Reply
from proxy.dataplane.dns.resolv_conf import ResolvConf
from proxy.dataplane.endpoints import Found
from tests.support.name_server import NameServer, Row, name_server

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
SERVICE = "_http._tcp.models.test"


class Zone(NameServer):
    """Answers without a socket. `broken`: kinds that no server answers."""

    def __init__(self, zone: dict[str, list[Row]], *additional: str) -> None:
        super().__init__()
        self.zone, self.additional = zone, list(additional)
        self.broken: set[int] = set()
        self.conf = ResolvConf()

    async def ask(self, conf: ResolvConf, name: str, kind: int) -> Reply:
        if kind in self.broken:
            raise Unanswered("broken")
        return message.read(self.answer(message.question(1, name, kind), False), 1, name, kind)

    def addresses(self, host: str) -> Found:
        return asyncio.run(Lookup(self.conf, self.ask).addresses(host, 80))

    def service(self, name: str = SERVICE) -> Found:
        return asyncio.run(Lookup(self.conf, self.ask).service(name))


def nothing(look: Callable[[], object]) -> bool:
    try:
        look()
    except Nothing:
        return True
    return False


def test_addresses_of_both_families_and_the_shortest_ttl() -> None:
    zone = Zone({"n.test": [("A", "10.0.0.1", 30), ("AAAA", "fd00::1", 5), ("A", "10.0.0.2", 30)]})
    found = zone.addresses("n.test")
    assert found.addresses == [(V4, "10.0.0.1", 80), (V4, "10.0.0.2", 80), (V6, "fd00::1", 80)] and found.ttl == 5


def test_aliases_are_followed_and_their_ttl_is_heard() -> None:
    zone = Zone({"n.test": [("CNAME", "real.test", 3)], "real.test": [("A", "10.0.0.1", 30)]})
    found = zone.addresses("n.test")
    assert (found.addresses, found.ttl) == ([(V4, "10.0.0.1", 80)], 3)
    circle = Zone({"n.test": [("CNAME", "n.test", 3)]})
    assert nothing(lambda: circle.addresses("n.test"))


def test_search_domains_are_asked_in_turn() -> None:
    zone = Zone({"models.b.test": [("A", "10.0.0.1", 30)]})
    zone.conf.search = ["a.test", "b.test"]
    assert zone.addresses("models").addresses == [(V4, "10.0.0.1", 80)]
    assert [name for name, kind in zone.asked if kind == "A"] == ["models.a.test", "models.b.test"]
    assert nothing(lambda: zone.addresses("other"))


def test_one_family_is_enough_but_none_of_them_answered_is_no_absence() -> None:
    zone = Zone({"n.test": [("A", "10.0.0.1", 30)]})
    zone.broken = {message.AAAA}
    assert zone.addresses("n.test").addresses == [(V4, "10.0.0.1", 80)]
    zone.zone = {}
    try:
        zone.addresses("n.test")
    except Unanswered:
        return
    raise AssertionError("the other family may have some")


def test_a_service_has_ports_priorities_and_weights_and_its_addresses_come_with_it() -> None:
    rows: list[Row] = [("SRV", "10 5 8081 b.test", 30), ("SRV", "0 2 8080 a.test", 30)]
    zone = Zone({SERVICE: rows, "a.test": [("A", "10.0.0.1", 9)], "b.test": [("AAAA", "fd00::2", 30)]}, "a.test")
    found = zone.service()
    first, second = (V4, "10.0.0.1", 8080), (V6, "fd00::2", 8081)
    assert found.addresses == [first, second] and found.ranks == {first: (0, 2), second: (10, 5)} and found.ttl == 9
    assert [name for name, _ in zone.asked] == [SERVICE, "b.test", "b.test"], "what came along is not asked for"


def test_a_service_that_there_decidedly_is_not() -> None:
    assert nothing(Zone({SERVICE: [("SRV", "0 0 0 .", 30)]}).service)
    assert nothing(Zone({}).service)
    assert nothing(Zone({SERVICE: [("SRV", "0 0 80 gone.test", 30)]}).service)


def test_what_is_too_much_is_left_out_the_lowest_priorities_last() -> None:
    many: list[Row] = [("SRV", f"{200 - i} 0 {8000 + i} n{i}.test", 30) for i in range(100)]
    hosts: dict[str, list[Row]] = {f"n{i}.test": [("A", f"10.0.{i}.{j}", 30) for j in range(6)] for i in range(100)}
    found = Zone({SERVICE: many} | hosts).service()
    assert len(found.addresses) == MAX_ADDRESSES and found.addresses[0][2] == 8099
    assert len({port for _, _, port in found.addresses}) <= MAX_TARGETS
    crowd: list[Row] = [("A", f"10.1.{i // 200}.{i % 200}", 30) for i in range(400)]
    assert len(Zone({"n.test": crowd}).addresses("n.test").addresses) == MAX_ADDRESSES


def test_whole_lookups_by_a_real_server(tmp_path: Path) -> None:
    async def test() -> list[Found | socket.gaierror]:
        async with name_server(tmp_path, "options timeout:1 attempts:1") as (server, path):
            server.zone = {"n.test": [("A", "127.0.0.1", 3)], SERVICE: [("SRV", "0 1 9000 n.test", 5)]}
            asked = [("n.test", False), (SERVICE, True), ("gone.test", False), ("a..b", False)]
            answers = [await look_up(host, 80, service, path, server.port) for host, service in asked]
            server.code = 2
            answers.append(await look_up("n.test", 80, False, path, server.port))
            return answers

    named, service, *failures = asyncio.run(test())
    assert isinstance(named, Found) and (named.addresses, named.ttl) == ([(V4, "127.0.0.1", 80)], 3)
    assert isinstance(service, Found) and (service.addresses, service.ttl) == ([(V4, "127.0.0.1", 9000)], 3)
    codes = [each.errno for each in failures if isinstance(each, socket.gaierror)]
    assert codes == [socket.EAI_NONAME, socket.EAI_NONAME, socket.EAI_AGAIN]
