"""How a user of a pool is told whether it gets a stream, whatever goes wrong there.

A pool serves its users one after the other, often in one loop: what one of them makes of the news is no matter of the
pool, of the next user or of whoever caused this.
"""

from __future__ import annotations

from proxy.dataplane.ports import ServerStream, StreamUser
from proxy.dataplane.unexpected import unexpected


def hand(user: StreamUser, stream: ServerStream, fresh: bool, now: float) -> None:
    """Gives `user` its stream. `fresh`: its connection was made for it."""
    try:
        user.connected(stream, fresh, now)
    except Exception as error:
        unexpected(error)
        stream.reset()
        user.fault()


def tell(user: StreamUser, reason: str, detail: str, now: float) -> None:
    """Tells `user` that it gets no stream. `reason`: a key of `FAILURES`."""
    try:
        user.connect_failed(reason, detail, now)
    except Exception as error:
        unexpected(error)
        user.fault()
