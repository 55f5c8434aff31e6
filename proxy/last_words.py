"""What a process that crashed or was aborted was doing: its stacks, as `faulthandler` leaves them in an anonymous file
that the supervisor reads. A child's stderr is a log of JSON lines, and nobody else can write to it at such a moment.
"""

from __future__ import annotations

import faulthandler
import os

MAX_CHARACTERS = 3_000
"""Characters of one stack, innermost frames first: a line of the log stays below PIPE_BUF, so that it does not mix with
those of other processes."""

MAX_STACKS = 8
"""Stacks that are kept: more than a process has threads."""


class LastWords:
    """A file for the stacks of one process at a time. `fd` is inherited, and lives as long as this object."""

    __slots__ = ("fd",)

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("penumbra-last-words") if fd is None else fd

    def begin(self) -> None:
        """Another process begins: nothing is left of the one before."""
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)

    def read(self) -> list[str]:
        """The stacks, one for each thread, the main one first; none when it ended otherwise."""
        text = os.pread(self.fd, 2 * MAX_CHARACTERS * MAX_STACKS, 0).decode(errors="replace")
        stacks = [part.strip() for part in text.split("\n\n") if "File " in part]
        stacks.sort(key=lambda stack: " in _bootstrap" in stack)  # where `threading` begins a thread
        return [stack[:MAX_CHARACTERS] for stack in stacks[:MAX_STACKS]]

    def close(self) -> None:
        os.close(self.fd)


def keep_last_words(fd: int) -> None:
    """From now on this process writes the stacks of all threads to `fd` when it crashes or is aborted."""
    faulthandler.enable(fd, all_threads=True)
