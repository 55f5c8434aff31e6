"""Stories on disk: one JSON file each in the folder `<state>.stories`, replaced as a whole.

- At most `MAX_STORIES` and `MAX_BYTES` in sum; the oldest go first.
- A file that cannot be read is left out and counted; a disk that takes none costs what came since, and is tried again.
- Nothing decides by these files: the audit, the states and the evidence are in the state file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from math import inf
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from proxy import files
from proxy.contracts.story import StoryFacts
from proxy.control.disk_thread import DiskHangsError, DiskThread

log = logging.getLogger("penumbra.stories")

T = TypeVar("T")

MAX_STORIES = 200
MAX_BYTES = 32 << 20
MAX_STORY_BYTES = 1 << 20
"""Bytes of one story: what is more than that is left out, `fitting` says in which order."""


class Archive:
    """`state`: path of the state file; `:memory:`: nothing is kept."""

    __slots__ = ("_disk", "_failing", "_folder", "errors", "removed")

    def __init__(self, state: str) -> None:
        self._folder = None if state == ":memory:" else Path(f"{state}.stories")
        self._failing = False
        self._disk: DiskThread | None = None
        self.errors = 0
        """Reads and writes that failed. Monotone; likewise stories that made room."""
        self.removed = 0

    def use(self, disk: DiskThread) -> None:
        """From now on files are used in this thread: nobody waits long for a disk that hangs."""
        self._disk = disk

    def put(self, facts: StoryFacts, wait: bool = True) -> bool:
        """Whether a story is written. `wait`: it is not written again soon."""
        if self._folder is None:
            return True
        folder = self._folder
        try:
            body = fitting(facts)
            write = partial(self._write, folder, folder / name_of(facts), body)
            if self._disk is not None:
                return self._disk.done(write, wait)
            write()
        except (OSError, DiskHangsError, msgspec.MsgspecError) as error:
            self.errors += 1
            if not self._failing:
                log.error("the story of %s cannot be written, and will be once that works: %s", facts.route, error)
            self._failing = True
            return False
        self._failing = False
        return True

    def _write(self, folder: Path, path: Path, body: bytes) -> None:
        files.create_folder(folder)
        beside = path.with_suffix(".new")
        files.create(beside)
        beside.write_bytes(body)
        os.replace(beside, path)
        self._make_room()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Raises OSError also where the disk hangs."""
        if self._disk is None:
            return work()
        try:
            return self._disk.waited(work)
        except DiskHangsError as error:
            raise OSError(str(error)) from None

    def all(self) -> Iterator[StoryFacts]:
        """The stories that can be read, oldest first."""
        yield from filter(None, map(self._read, self._paths()))

    def of(self, route: str, first: float = 0.0, last: float = inf) -> Iterator[StoryFacts]:
        """Those of a route that began from `first` to `last`, oldest first; other files are not opened."""
        yield from self._of(route, first, last, self._paths())

    def latest(self, route: str, last: float) -> StoryFacts | None:
        """The newest of a route that began until `last`."""
        return next(self._of(route, 0.0, last, reversed(self._paths())), None)

    def _of(self, route: str, first: float, last: float, paths: Iterable[Path]) -> Iterator[StoryFacts]:
        own = _digest(route)
        for path in paths:
            began, _, digest = path.stem.partition("-")
            if digest == own and began.isdecimal() and first - _MS <= int(began) / 1000 <= last:
                facts = self._read(path)
                if facts is not None and facts.route == route and first <= facts.began <= last:
                    yield facts

    def _read(self, path: Path) -> StoryFacts | None:
        try:
            body = self._patiently(lambda: files.content(path, MAX_STORY_BYTES))
            return msgspec.json.decode(body, type=StoryFacts)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError, msgspec.MsgspecError) as error:
            self.errors += 1
            log.warning("%s: this story cannot be read: %s", path, error)
            return None

    def _paths(self) -> list[Path]:
        try:
            return self._patiently(self._there)
        except OSError:
            return []

    def _there(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder is not None else []

    def _make_room(self) -> None:
        paths = self._there()
        sizes = [path.stat().st_size for path in paths]
        kept, room = 0, MAX_BYTES
        for size in reversed(sizes):
            room -= size
            if room < 0 or kept == MAX_STORIES:
                break
            kept += 1
        for path in paths[: len(paths) - max(kept, 1)]:
            path.unlink(missing_ok=True)
            self.removed += 1


def name_of(facts: StoryFacts) -> str:
    """The name of its file: by time, and by a digest of the route, whose name may be no name of a file."""
    return f"{int(facts.began * 1000):014d}-{_digest(facts.route)}.json"


_MS = 0.001
"""Seconds by which a name is before what it names."""


def _digest(route: str) -> str:
    return blake2b(route.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def fitting(facts: StoryFacts) -> bytes:
    """A story as JSON that is small enough to be read again. Where it is too large, half of its moments go, and again;
    then its examples, then its failed requests: counts stay."""
    body = msgspec.json.encode(facts)
    while len(body) > MAX_STORY_BYTES and (shorter := _shorter(facts)) is not None:
        facts = shorter
        body = msgspec.json.encode(facts)
    return body


def _shorter(facts: StoryFacts) -> StoryFacts | None:
    if facts.moments:
        fewer = facts.moments[::-2][::-1] if len(facts.moments) > 1 else []  # the newest stays
        return replace(facts, moments=fewer, every=2 * facts.every)
    if facts.disagreements:
        return replace(facts, disagreements={})
    return replace(facts, failed=[]) if facts.failed else None
