"""One question to the name servers of resolv.conf, in turn, until one of them answers.

Each question has a number and a port of its own (RFC 5452): a connected socket, which hears nobody but the server. What
is no answer to it is not heard; what is too long for UDP is asked for by TCP (RFC 7766). EDNS is not used: an answer
that does not fit into 512 bytes comes by TCP, from every server.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, cast

from proxy.dataplane.dns import message
from proxy.dataplane.dns.message import Garbled, Reply
from proxy.dataplane.dns.resolv_conf import ResolvConf
from proxy.dataplane.patience import Patience

PORT: Final = 53
LENGTH_BYTES: Final = 2
"""Before each message by TCP (RFC 1035 §4.2.2)."""


class Unanswered(Exception):
    """No name server has answered."""


class Asking(asyncio.DatagramProtocol):
    """One question by UDP. `answer`: ends with the answer, or with what is wrong with the socket."""

    def __init__(self, number: int, name: str, kind: int) -> None:
        self._number, self._name, self._kind = number, name, kind
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, source: object) -> None:
        try:
            reply = message.read(data, self._number, self._name, self._kind)
        except Garbled:
            return  # of an earlier question, or of somebody who guesses
        if not self.answer.done():
            self.answer.set_result(reply)

    def error_received(self, error: Exception) -> None:
        self.connection_lost(error)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or Unanswered("the socket was closed"))


class AskingByTcp(asyncio.Protocol):
    """One question by TCP, where each message has its length before it. `answer`: as by UDP."""

    def __init__(self, query: bytes, name: str, kind: int) -> None:
        self._query, self._name, self._kind = query, name, kind
        self._received = b""
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(len(self._query).to_bytes(2, "big") + self._query)

    def data_received(self, data: bytes) -> None:
        self._received += data
        whole = LENGTH_BYTES + int.from_bytes(self._received[:LENGTH_BYTES], "big")
        if len(self._received) < max(whole, LENGTH_BYTES + 1) or self.answer.done():
            return
        number = int.from_bytes(self._query[:2], "big")
        try:
            reply = message.read(self._received[LENGTH_BYTES:whole], number, self._name, self._kind)
            if reply.truncated:
                raise Garbled("cut off by TCP, too")
        except Garbled as garbled:
            self.answer.set_exception(garbled)
        else:
            self.answer.set_result(reply)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or Unanswered("the connection was closed"))


async def ask(conf: ResolvConf, name: str, kind: int, port: int) -> Reply:
    """The first answer of a server that says whether there is such a name. Raises Unanswered, and Garbled where
    nobody can be asked for that."""
    message.question(0, name, kind)
    last = "nobody has answered"
    for _ in range(conf.attempts):
        for server in conf.servers:
            try:
                async with asyncio.timeout(None) as timeout:
                    with Patience(conf.timeout, timeout):
                        reply = await _ask_one(server, port, name, kind)
            except TimeoutError:
                last = f"{server} has not answered within {conf.timeout:g} s"
            except (OSError, Garbled, Unanswered) as error:
                last = f"{server}: {error}"
            else:
                if reply.code in (message.NOERROR, message.NXDOMAIN):
                    return reply
                last = f"{server} cannot answer: code {reply.code}"
    raise Unanswered(last)


async def _ask_one(server: str, port: int, name: str, kind: int) -> Reply:
    number = int.from_bytes(os.urandom(2), "big")
    query = message.question(number, name, kind)
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        lambda: Asking(number, name, kind), remote_addr=(server, port)
    )
    try:
        transport.sendto(query)
        reply = await asking.answer
    finally:
        asking.answer.cancel()
        transport.close()
    return await _by_tcp(server, port, query, name, kind) if reply.truncated else reply


async def _by_tcp(server: str, port: int, query: bytes, name: str, kind: int) -> Reply:
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_connection(lambda: AskingByTcp(query, name, kind), server, port)
    try:
        return await asking.answer
    finally:
        asking.answer.cancel()
        transport.abort()
