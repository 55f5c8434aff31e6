"""Lookups by the C library, each in a thread of its own: one that hangs keeps nobody else waiting.

The library reads `/etc/hosts` anew at each lookup, and `resolv.conf` when it has changed. A daemon thread does not keep
the process from ending. Who asks sees to it that there is one lookup of each name at a time (`dataplane.names`).
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address

from proxy.dataplane.endpoints import Address, Found

Answer = Found | socket.gaierror
"""Addresses, or why there are none."""
Heard = Callable[[Answer], None]


def numeric(host: str, port: int) -> list[Address] | None:
    """The address that `host` is; None: it is a name."""
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    return [(socket.AF_INET if version == 4 else socket.AF_INET6, host, port)]


def look_up(host: str, port: int, heard: Heard) -> None:
    """Looks `host` up; the running loop calls `heard` with the answer."""
    loop = asyncio.get_running_loop()
    thread = threading.Thread(target=_in_thread, args=(host, port, heard, loop), name=f"name {host}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # no thread to be had
        loop.call_soon(heard, socket.gaierror(socket.EAI_MEMORY, str(error)))


def _in_thread(host: str, port: int, heard: Heard, loop: asyncio.AbstractEventLoop) -> None:
    answer = found(host, port)
    try:
        loop.call_soon_threadsafe(heard, answer)
    except RuntimeError:
        """The loop has ended meanwhile."""


def found(host: str, port: int) -> Answer:
    """The addresses of `host`, or why there are none. It blocks."""
    try:
        return Found(_addresses(host, port))
    except socket.gaierror as error:
        return error
    except OSError as error:
        return socket.gaierror(socket.EAI_SYSTEM, str(error))
    except UnicodeError as error:  # a name that cannot be one
        return socket.gaierror(socket.EAI_NONAME, str(error))
    except Exception as error:  # else nobody would hear of it, and the name would never be asked for again
        return socket.gaierror(socket.EAI_SYSTEM, str(error) or type(error).__name__)


def _addresses(host: str, port: int) -> list[Address]:
    # Bytes: a string would go through the codec of internationalized names, which refuses some that exist.
    infos = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [(int(family), str(target[0]), port) for family, _, _, _, target in infos]
