"""Arguments of a process that the supervisor starts."""

from __future__ import annotations

from msgspec import Struct

from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.memory import MIB


class WorkerArgs(Struct, frozen=True):
    """The arguments of one worker. A descriptor (`…_fd`, several as `…_fds`) is the number of an open file
    that the worker inherits."""

    index: int
    """Number of the worker, from 0."""
    listen_fds: tuple[int, ...]
    """Listening sockets of the traffic."""
    link_path: str
    """Path of the Unix socket of control."""
    slot_fd: int
    """File of the last published table."""
    lifeline_fd: int
    """Reading end of a pipe that ends with the supervisor."""
    drain: float
    """Seconds that exchanges in flight get at the end."""
    pulse_fd: int
    """Page of the beats of all processes."""
    words_fd: int
    """File for the stacks of a crash."""
    connections: int = 10_000
    """Client connections that may be open at once."""
    memory: int = 512 * MIB
    """Bytes that the worker may keep beside what it takes when idle."""
    client: ClientBounds = ClientBounds()
    """What its clients may."""
    hop: str = ""
    """Name of this program among all of its kind: a request that comes with it has been here."""
    listeners: tuple[int, ...] = ()
    """Of each of `listen_fds` the number of its listener (`Table.listeners`); (): there is one listener."""
