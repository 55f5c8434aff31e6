"""Stories on disk: one JSON file each in the folder `<state>.stories`, replaced as a whole.

- At most `MAX_STORIES` and `MAX_BYTES` in sum; the oldest go first.
- A file that cannot be read is left out and counted; a disk that takes none costs what came since, and is tried again.
- Nothing decides by these files: the audit, the states and the evidence are in the state file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec

from proxy import files
from proxy.contracts.story import StoryFacts

log = logging.getLogger("penumbra.stories")

MAX_STORIES = 200
MAX_BYTES = 32 << 20
MAX_STORY_BYTES = 1 << 20
"""Bytes of one story; `Chronicle` keeps it below a half of that, where examples are as large as they may be."""


class Archive:
    """`state`: path of the state file; `:memory:`: nothing is kept."""

    __slots__ = ("_failing", "_folder", "errors", "removed")

    def __init__(self, state: str) -> None:
        self._folder = None if state == ":memory:" else Path(f"{state}.stories")
        self._failing = False
        self.errors = 0
        """Reads and writes that failed. Monotone; likewise stories that made room."""
        self.removed = 0

    def put(self, facts: StoryFacts) -> bool:
        """Whether a story is written."""
        if self._folder is None:
            return True
        path = self._folder / name_of(facts)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_bytes(msgspec.json.encode(facts))
            os.replace(beside, path)
            self._make_room()
        except (OSError, msgspec.MsgspecError) as error:
            self.errors += 1
            if not self._failing:
                log.error("the story of %s cannot be written, and will be once that works: %s", facts.route, error)
            self._failing = True
            return False
        self._failing = False
        return True

    def all(self, route: str = "") -> Iterator[StoryFacts]:
        """The stories that can be read, oldest first; of one route, or of all."""
        for path in self._paths():
            facts = self._read(path)
            if facts is not None and route in ("", facts.route):
                yield facts

    def at(self, name: str) -> StoryFacts | None:
        """The story in a file of this name."""
        return self._read(self._folder / name) if self._folder else None

    def names(self) -> list[str]:
        """The names of the files, oldest first."""
        return [path.name for path in self._paths()]

    def _read(self, path: Path) -> StoryFacts | None:
        try:
            return msgspec.json.decode(files.content(path, MAX_STORY_BYTES), type=StoryFacts)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError, msgspec.MsgspecError) as error:
            self.errors += 1
            log.warning("%s: this story cannot be read: %s", path, error)
            return None

    def _paths(self) -> list[Path]:
        if self._folder is None:
            return []
        try:
            return sorted(self._folder.glob("*.json"))
        except OSError:
            return []

    def _make_room(self) -> None:
        paths = self._paths()
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
    return f"{int(facts.began * 1000):014d}-{blake2b(facts.route.encode(), digest_size=6).hexdigest()}.json"
