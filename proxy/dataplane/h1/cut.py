"""The end of a connection that nobody can take for a proper one."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Any, Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""The kernel waits 0 s for what was not sent, and resets (socket(7), SO_LINGER)."""


def cut(sock: Any) -> None:
    """From now on the end of a connection, or of what uvloop gives for one, is a reset; None: there is none. Where all
    of an answer was sent, the kernel would end it as any other."""
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
