"""Whose fault it is that a connection to a model server cannot be had, or ends: this host's own, or the version's.

1. No descriptor, no buffer, no memory, no local port, or a resolver that says "try again": this process or its host has
   run out of something, or its name server is away. The version was not asked, so that is charged to nobody.
2. Certificates of our own that cannot be used are a mistake of ours, too.
3. Every other error is an answer from the version's side (nothing listens, no route, no such name, a handshake that
   fails), and is charged.
"""

from __future__ import annotations

import errno
import socket
from ssl import SSLEOFError, SSLError
from typing import Final

from proxy.dataplane.tls_failed import TlsFailed

LOCAL_ERRORS: Final = frozenset(
    (
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
        *(errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN, errno.ENETDOWN),
    )
)
"""Error numbers of rule 1 (connect(2), socket(2), send(2)); EAGAIN: no free local port, or a full routing cache;
ENETDOWN: an interface of this host."""

LOCAL_LOOKUPS: Final = frozenset((socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM))
"""Errors of the resolver of rule 1 (getaddrinfo(3)). `EAI_NONAME` is none: the name of the version does not exist."""


def reason_of(error: OSError) -> str:
    """The reason, a key of `FAILURES`, of a connection that was refused with `error`."""
    if isinstance(error, TlsFailed):
        return "internal" if error.why == "own" else "tls_failed"
    causes = LOCAL_LOOKUPS if isinstance(error, socket.gaierror) else LOCAL_ERRORS
    return "no_resources" if error.errno in causes else "connect_failed"


def is_silence(error: OSError) -> bool:
    """Whether nobody has answered, and not even refused."""
    return isinstance(error, TlsFailed) and error.why == "timeout"


def reason_of_end(error: Exception | None) -> str:
    """The reason of a connection that was there, and ended with `error`."""
    if isinstance(error, SSLError):
        return "reset" if isinstance(error, SSLEOFError) else "tls_failed"
    return "no_resources" if isinstance(error, OSError) and error.errno in LOCAL_ERRORS else "reset"
