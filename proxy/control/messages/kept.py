"""What outlives this process: matters that were told of, and messages that were not delivered yet. One JSON file beside
the state file, `<state>.messages`, replaced as a whole where something else is to be kept.

Without it each start of control would tell again of every warning that lasts, and of none that has ended meanwhile;
what waited for a receiver would be lost. A kill between a delivery and its note sends a message a second time.
Secrets of destinations are not in it: a message has none.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from proxy import files
from proxy.control.disk_thread import DiskHangsError, DiskThread
from proxy.control.messages.message import Message

log = logging.getLogger("penumbra.notify")

MAX_KEPT = 50
"""Messages that wait which are kept of each destination, the newest."""
MAX_KEPT_BYTES = 4 << 20
"""Bytes of the file; with more, what waits is not kept."""


class ToldWarning(Struct, frozen=True):
    """A warning that was told of."""

    message: Message
    flaps: int = 0


class Remains(Struct, frozen=True):
    """The content of the file."""

    open: dict[str, Message] = {}
    """What lasts on releases, by its key."""
    warned: dict[str, ToldWarning] = {}
    waiting: dict[str, list[Message]] = {}
    """By the name of the destination."""


class KeptMessages:
    """`state`: path of the state file; `:memory:`: nothing is kept."""

    __slots__ = ("_disk", "_known", "_path", "errors")

    def __init__(self, state: str = ":memory:") -> None:
        self._path = None if state == ":memory:" else Path(f"{state}.messages")
        self._known = Remains()
        self._disk: DiskThread | None = None
        self.errors = 0
        """Reads and writes that failed. Monotone."""

    def read(self) -> Remains:
        """What was kept; nothing where there is no file, or none that can be read."""
        if self._path is None:
            return Remains()
        try:
            self._known = msgspec.json.decode(files.content(self._path, 2 * MAX_KEPT_BYTES), type=Remains)
        except FileNotFoundError:
            pass
        except (OSError, UnicodeError, msgspec.MsgspecError) as error:
            self.errors += 1
            log.warning("%s cannot be read, so messages may come a second time: %s", self._path, error)
        return self._known

    def use(self, disk: DiskThread) -> None:
        """From now on the file is written in this thread: nobody waits long for a disk that hangs."""
        self._disk = disk

    def keep(self, kept: Remains, wait: bool = False) -> None:
        """Writes it, where it is another one. `wait`: there is no next time."""
        if self._path is None or kept == self._known:
            return
        body = msgspec.json.encode(kept)
        if len(body) > MAX_KEPT_BYTES:
            body = msgspec.json.encode(Remains(kept.open, kept.warned))
        path = self._path
        try:
            if self._disk is None:
                _replace(path, body)
            elif not self._disk.done(lambda: _replace(path, body), wait):
                return  # and it is another one at the next look, too
        except (OSError, DiskHangsError) as error:
            if not self.errors:
                log.error("%s cannot be written, so a restart may send messages again: %s", self._path, error)
            self.errors += 1
        else:
            self._known = kept


def _replace(path: Path, body: bytes) -> None:
    beside = path.with_name(f"{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(body)
    os.replace(beside, path)
