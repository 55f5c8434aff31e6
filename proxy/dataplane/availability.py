"""Which of a pool's available connections carries the next stream, and which ones go.

The connection that became available last stands last: it serves first, and the others age out.
"""

from __future__ import annotations

from proxy.dataplane.members import Member
from proxy.dataplane.ports import Connection, ServerStream, StreamUser


def open_stream(available: list[Connection], wanted: Member | None, lively: float = 0.0) -> ServerStream | None:
    """A stream of the connection that became available last, of those to `wanted` where somebody is, and of those
    that are lively then, where a time is given. What was told to open no more streams is dropped on the way."""
    at = len(available) - 1
    while at >= 0:
        connection = available[at]
        if not connection.is_available():
            available.pop(at)
        elif (wanted is None or connection.member() is wanted) and (not lively or connection.is_lively(lively)):
            stream = connection.open_stream()
            if not connection.is_available():
                if at + 1 == len(available):
                    available.pop()  # compiled, a third of what it costs with a place
                else:
                    available.pop(at)
            return stream
        at -= 1
    return None


def has_room(available: list[Connection], wanted: Member | None) -> bool:
    """Whether a connection, of those to `wanted` where somebody is, is not crowded."""
    for connection in available:
        if (wanted is None or connection.member() is wanted) and not connection.is_crowded():
            return True
    return False


def pop_idle(available: list[Connection]) -> Connection | None:
    """Takes out the connection that has been idle for longest."""
    connection = next((each for each in available if each.is_idle()), None)
    if connection is not None:
        available.remove(connection)
    return connection


def pop_expired(available: list[Connection], now: float) -> list[Connection]:
    """Takes out the idle connections that should go."""
    expired = [connection for connection in available if connection.has_expired(now)]
    for connection in expired:
        available.remove(connection)
    return expired


def take_user(lines: list[list[StreamUser]], lively: bool) -> StreamUser | None:
    """Takes out who has waited for longest of those who wait for connections that are being made. `lively`: who needs
    one that has not ended unseen may be it, too."""
    for users in lines:
        for user in users:
            if lively or not user.unrepeatable():
                users.remove(user)
                return user
    return None
