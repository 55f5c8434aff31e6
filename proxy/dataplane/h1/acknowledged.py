"""Whether the other side's kernel has taken what was written, as TCP knows it (Linux `struct tcp_info`, since 4.19).

A server that has closed its connection acknowledges nothing more. One that acknowledges what was written had it open,
and its program may have read it: it has, where the end is a proper one, since what is closed with unread bytes is reset
(RFC 2525 §2.17).
"""

from __future__ import annotations

import socket
from struct import Struct, error
from typing import Any, Final

_TCP_INFO: Final = getattr(socket, "TCP_INFO", 11)
_SIZE: Final = 256
_ACKED: Final = Struct("<Q")
_SENT: Final = Struct("<QQ")
_ACKED_AT: Final = 120
"""Where `tcpi_bytes_acked` stands; it counts the connection's SYN, too."""
_SENT_AT: Final = 200
"""Where `tcpi_bytes_sent` and `tcpi_bytes_retrans` stand."""


def all_acknowledged(info: bytes) -> bool:
    """Whether all that was sent was acknowledged; False where a kernel does not tell."""
    try:
        (acked,) = _ACKED.unpack_from(info, _ACKED_AT)
        sent, again = _SENT.unpack_from(info, _SENT_AT)
    except error:
        return False
    return bool(acked > sent - again)


def was_taken(sock: Any) -> bool:
    """Whether the other side of a connection has taken all that was sent to it; False where that is not known.

    `sock`: a socket, or what uvloop gives for one; None: none.
    """
    if sock is None:
        return False
    try:
        return all_acknowledged(sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _SIZE))
    except OSError:
        return False
