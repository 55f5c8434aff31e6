"""A name server on the loopback that answers as a test says, by UDP and TCP on one port."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

TYPES = {1: "A", 28: "AAAA", 33: "SRV", 5: "CNAME"}
NUMBERS = {name: number for number, name in TYPES.items()}

Row = tuple[str, str, int]
"""Type, value (`10.0.0.1`, `name.test`, or `0 1 80 name.test`) and TTL of a record."""


def name_bytes(name: str) -> bytes:
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name: str, row: Row) -> bytes:
    kind, value, ttl = row
    if kind in ("A", "AAAA"):
        data = socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)
    elif kind == "CNAME":
        data = name_bytes(value)
    else:
        priority, weight, port, target = value.split(" ")
        data = struct.pack("!HHH", int(priority), int(weight), int(port)) + name_bytes(target)
    return name_bytes(name) + struct.pack("!HHIH", NUMBERS[kind], 1, ttl, len(data)) + data


class NameServer(asyncio.DatagramProtocol):
    """`zone`: name to records; `additional`: names whose addresses come with every answer.

    - `asked`: names and types; `silent`: nothing is answered; `code`: of every answer
    - `too_long`: answers by UDP are cut
    """

    def __init__(self) -> None:
        self.zone: dict[str, list[Row]] = {}
        self.additional: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.silent = self.too_long = False
        self.code = 0
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport) or hasattr(transport, "sendto")
        self._udp = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        answer = self.answer(data, self.too_long)
        if not self.silent and self._udp is not None:
            self._udp.sendto(answer, source)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(size), False)
        writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def answer(self, query: bytes, cut: bool) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += query[at] + 1
        name, kind = ".".join(labels), TYPES[int.from_bytes(query[at + 1 : at + 3], "big")]
        self.asked.append((name, kind))
        known = self.zone.get(name.lower())
        answers = [record(name, row) for row in known or () if row[0] in (kind, "CNAME")]
        for alias in [row[1] for row in known or () if row[0] == "CNAME"]:
            answers += [record(alias, row) for row in self.zone.get(alias, ()) if row[0] == kind]
        more = [record(each, row) for each in self.additional for row in self.zone[each]]
        flags = 0x8180 | (0x0200 if cut else 0) | (self.code or (0 if known is not None else 3))
        counts = (1, 0, 0, 0) if cut else (1, len(answers), 0, len(more))
        head = query[:2] + struct.pack("!HHHHH", flags, *counts)
        return head + query[12 : at + 5] + (b"" if cut else b"".join(answers + more))


@asynccontextmanager
async def name_server(folder: Path, options: str = "") -> AsyncIterator[tuple[NameServer, str]]:
    """A name server, and the path of a resolv.conf that names it."""
    loop, server = asyncio.get_running_loop(), NameServer()
    udp, tcp = both_sockets()
    server.port = udp.getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: server, sock=udp)
    listening = await asyncio.start_server(server.stream, sock=tcp)
    conf = folder / "resolv.conf"
    conf.write_text(f"nameserver 127.0.0.1\n{options}\n")
    try:
        yield server, str(conf)
    finally:
        transport.close()
        listening.close()
        await asyncio.sleep(0.01)  # sockets end a turn later


def both_sockets() -> tuple[socket.socket, socket.socket]:
    """Sockets for UDP and TCP on one port."""
    for _ in range(100):
        udp, tcp = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:  # somebody else has it
            udp.close()
            tcp.close()
            continue
        udp.setblocking(False)
        return udp, tcp
    raise OSError("no port is free for both")
