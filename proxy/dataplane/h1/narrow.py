"""Small buffers of the kernel, for sockets of which there are many.

A read takes what the kernel has received, up to 256 KB, and a slow reader holds at least one such piece; the kernel's
own buffers grow to megabytes, and count in a control group's memory. With `NARROW_BYTES` a connection still carries 64
MB in a second over a round trip of a millisecond.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Final

NARROW_BYTES: Final = 64 * 1024
"""Bytes of a receive buffer; Linux takes as much again for its own accounts (socket(7))."""


def narrow(sock: Any) -> None:
    """Gives a connection, or what uvloop gives for one, a small receive buffer; None: there is none."""
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
