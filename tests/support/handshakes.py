"""Handshakes of TLS in memory: both sides are real `ssl` objects, and no socket is between them."""

from __future__ import annotations

import ssl
from typing import NamedTuple


class Shaken(NamedTuple):
    """The two ends of a connection after its handshake."""

    server: ssl.SSLObject
    client: ssl.SSLObject

    @property
    def shown(self) -> bytes:
        """The certificate that the client was shown (DER)."""
        return self.client.getpeercert(binary_form=True) or b""


def shake(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    name: str | None = "localhost",
    session: ssl.SSLSession | None = None,
) -> Shaken:
    """A handshake to its end, and a byte each way, so that tickets and late refusals have arrived. Raises ssl.SSLError
    of the side that refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    back = server.wrap_bio(to_server, to_client, server_side=True)
    front = client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
    open_ends = [front, back]
    for _ in range(10):
        open_ends = [each for each in open_ends if not _done(each)]
    assert not open_ends, "a handshake without an end"
    for one, other in ((back, front), (front, back)):
        one.write(b"x")
        assert other.read(1) == b"x"
    return Shaken(back, front)


def _done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
