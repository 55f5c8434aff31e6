"""A page of memory that all processes share: each one's beats, and how often the supervisor started which kind again.

It works without control and without a socket: a process beats by adding one to its own word, the supervisor looks at
all of them. Words of eight bytes in their places are written and read whole.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import asyncio  # the supervisor, which has no loop, does not pay for one

BEAT_SECONDS = 0.25
"""Seconds between beats: several within the shortest silence that is allowed."""

Reason = Literal["exited", "killed", "hung", "not_started"]

KINDS = ("control", "worker")
REASONS: tuple[Reason, ...] = ("exited", "killed", "hung", "not_started")
"""Why a process was started again: it ended by itself; a signal ended it; the supervisor ended it, since it was silent;
it could not be started."""

_RESTARTS = [(kind, reason) for kind in KINDS for reason in REASONS]
_WORD = 8


def page(children: int) -> int:
    """The descriptor of a new page for so many processes."""
    fd = os.memfd_create("penumbra-pulse")
    os.ftruncate(fd, _WORD * (len(_RESTARTS) + children))
    return fd


class Pulses:
    """The page of `fd`, as each process sees it. Control's place is 0, that of worker n is n + 1."""

    __slots__ = ("_words",)

    def __init__(self, fd: int) -> None:
        self._words = memoryview(mmap.mmap(fd, os.fstat(fd).st_size)).cast("Q")

    def beats(self, place: int) -> int:
        """How often the process in this place has beaten since `begin`."""
        return self._words[len(_RESTARTS) + place]

    def beat(self, place: int) -> None:
        """The process in this place is alive."""
        self._words[len(_RESTARTS) + place] += 1

    def begin(self, place: int) -> None:
        """Another process begins in this place. The supervisor's to call, when none is there."""
        self._words[len(_RESTARTS) + place] = 0

    def restarted(self, kind: str, reason: Reason) -> None:
        """A process of this kind is started again. The supervisor's to call."""
        self._words[_RESTARTS.index((kind, reason))] += 1

    def restarts(self) -> dict[tuple[str, str], int]:
        """Starts again since the supervisor began, by kind and reason. Monotone."""
        return {key: self._words[at] for at, key in enumerate(_RESTARTS)}

    def keep_beating(self, place: int, loop: asyncio.AbstractEventLoop) -> None:
        """Beats for as long as the loop gets to its timers: a loop that does not is what hangs."""
        self.beat(place)
        loop.call_later(BEAT_SECONDS, self.keep_beating, place, loop)
