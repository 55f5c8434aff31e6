"""Names of features that a configuration means, by globs and JSON pointers with globs (`analysis.ignore`)."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from proxy.contracts.bounds import MAX_NAME, shortened

Side = Literal["request", "response"]


class Selection:
    """The names on one side that any of the patterns means: `/request/…`, `/response/…`, or a name on either side.

    What a name holds is meant with it: `meta` means `meta.id` too. `*` stands for anything, also for several parts.

    >>> selection = Selection(["/request/ts", "*_id", "/meta/*"], "request")
    >>> [selection.has(name) for name in ("ts", "user_id", "meta.at", "x[0]", "amount")]
    [True, True, True, False, False]
    >>> Selection(["/request/ts"], "response").has("ts")
    False
    """

    __slots__ = ("_globs", "_known")

    def __init__(self, patterns: Sequence[str], side: Side) -> None:
        # Names that bodies give are shortened.
        globs = [_glob(pattern, side) for pattern in patterns]
        self._globs = tuple(dict.fromkeys(filter(None, (*globs, *[shortened(glob, MAX_NAME) for glob in globs]))))
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._globs)

    def has(self, name: str) -> bool:
        """Whether the name is meant."""
        if not self._globs:
            return False
        known = self._known.get(name)
        if known is None:
            known = self._means(name)
            if len(self._known) < MAX_KNOWN:
                self._known[name] = known
        return known

    def _means(self, name: str) -> bool:
        plain = _plain(name)
        return any(fnmatchcase(plain, glob) or fnmatchcase(plain, f"{glob}.*") for glob in self._globs)


NOTHING = Selection((), "request")
"""The selection of no name."""

MAX_KNOWN = 4096
"""Names whose answer is remembered; further ones are asked each time."""


def _plain(name: str) -> str:
    """A name with its numbers, and what is derived of it, as parts: `x[2]` is `x.2`, `x:norm` is `x.norm`."""
    return name.replace("[", ".").replace("]", "").replace(":", ".")


def _glob(pattern: str, side: Side) -> str:
    pattern = _plain(pattern)
    if not pattern.startswith("/"):
        return pattern
    first, *parts = [part.replace("~1", "/").replace("~0", "~") for part in pattern[1:].split("/")]
    if first not in ("request", "response"):
        return ".".join((first, *parts))
    return (".".join(parts) or "*") if first == side else ""
