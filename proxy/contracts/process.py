"""What the supervisor tells a process that it starts."""

from __future__ import annotations

from msgspec import Struct


class WorkerArgs(Struct, frozen=True):
    """Numbers of inherited descriptors, the link's path, the drain's length in seconds, how many client connections may
    be open."""

    index: int
    listen_fd: int
    link_path: str
    slot_fd: int
    lifeline_fd: int
    drain: float
    connections: int = 10_000
