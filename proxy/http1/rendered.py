"""What `write` has made of a head that many messages share, by whom it was made for."""

from __future__ import annotations

from typing import Final

MAX_RENDERED: Final = 24
"""Forms of one head that are kept: its primary's, its canary's, its shadows'. Others are made each time."""


class Rendered:
    """One form, and the ones that were made before it: they are few, and compared faster than a key is hashed."""

    __slots__ = ("_before", "_first", "_flags", "_second", "_text", "size")

    def __init__(self, flags: int, first: bytes, second: bytes, text: bytes, before: Rendered | None) -> None:
        self._flags, self._first, self._second, self._text, self._before = flags, first, second, text, before
        self.size: int = 1 if before is None else before.size + 1

    def find(self, flags: int, first: bytes, second: bytes) -> bytes | None:
        """The text that was made for these."""
        form: Rendered | None = self
        while form is not None:
            if form._second == second and form._first == first and form._flags == flags:
                return form._text
            form = form._before
        return None


def kept(before: Rendered | None, flags: int, first: bytes, second: bytes, text: bytes) -> Rendered | None:
    """`before`, and a further form where there is room for one."""
    if before is not None and before.size >= MAX_RENDERED:
        return before
    return Rendered(flags, first, second, text, before)
