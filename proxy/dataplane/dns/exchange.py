"""One question to the name servers of resolv.conf, in turn, until one of them answers.

Each question has a number and a port of its own (RFC 5452): a connected socket, which hears nobody but the server. What
is no answer to it is not heard; what is too long for UDP is asked for by TCP (RFC 7766). EDNS is not used: an answer
that does not fit into 512 bytes comes by TCP, from every server.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from proxy.dataplane.dns import message
from proxy.dataplane.dns.message import Garbled, Reply
from proxy.dataplane.dns.resolv_conf import ResolvConf

PORT: Final = 53
MAX_MESSAGE_BYTES: Final = 65535


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


async def ask(conf: ResolvConf, name: str, kind: int, port: int) -> Reply:
    """The first answer of a server that says whether there is such a name. Raises Unanswered, and Garbled where
    nobody can be asked for that."""
    message.question(0, name, kind)
    last = "nobody has answered"
    for _ in range(conf.attempts):
        for server in conf.servers:
            try:
                async with asyncio.timeout(conf.timeout):
                    reply = await _ask_one(server, port, name, kind)
            except TimeoutError:
                last = f"{server} has not answered within {conf.timeout:g} s"
            except (OSError, EOFError, Garbled, Unanswered) as error:
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
    reader, writer = await asyncio.open_connection(server, port, limit=MAX_MESSAGE_BYTES)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        size = int.from_bytes(await reader.readexactly(2), "big")
        reply = message.read(await reader.readexactly(size), int.from_bytes(query[:2], "big"), name, kind)
    finally:
        writer.close()
    if reply.truncated:
        raise Garbled("cut off by TCP, too")
    return reply
