"""Who is asked where a version is served: the C library, or DNS itself, as the version's URL says.

By default the C library is: it knows `/etc/hosts`, the order of nsswitch.conf, mDNS and what else a host has, as every
other program beside us does. It tells no TTL and no services; a version that wants these asks DNS (`http+dns:`,
`http+srv:`), and nothing else.
"""

from __future__ import annotations

import asyncio
import socket

from proxy.contracts.table import Version
from proxy.dataplane import resolver
from proxy.dataplane.dns import lookup
from proxy.dataplane.dns.exchange import PORT
from proxy.dataplane.dns.resolv_conf import PATH
from proxy.dataplane.resolver import Heard
from proxy.dataplane.unexpected import UNEXPECTED, unexpected


class Lookups:
    """The lookups of a worker. `path`: of resolv.conf; `port`: of name servers."""

    __slots__ = ("_path", "_port", "_tasks")

    def __init__(self, path: str = PATH, port: int = PORT) -> None:
        self._path, self._port = path, port
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, version: Version, heard: Heard) -> None:
        """Looks `version` up; the running loop calls `heard` with the answer."""
        if version.lookup == "system":
            resolver.look_up(version.host, version.port, heard)
            return
        task = asyncio.get_running_loop().create_task(self._by_dns(version, heard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _by_dns(self, version: Version, heard: Heard) -> None:
        try:
            service = version.lookup == "srv"
            answer = await lookup.look_up(version.host, version.port, service, self._path, self._port)
        except Exception as error:
            unexpected(error)
            answer = socket.gaierror(socket.EAI_SYSTEM, UNEXPECTED)
        heard(answer)
