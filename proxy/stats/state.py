"""The state of a statistic: the attributes that outlive its process."""

from __future__ import annotations

from functools import cache
from typing import ClassVar


class Stateful:
    """A statistic whose state is carried on after a restart: all its slots, but for those named in `CONFIGURATION`.

    A class lists in `CONFIGURATION`, beside its `__slots__`, what follows from the scorecard, what belongs to another
    object, and what may begin anew. A slot that nobody thought about is therefore state.
    """

    __slots__ = ()

    CONFIGURATION: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @cache
    def state(cls) -> tuple[str, ...]:
        """The names of the attributes that are state, sorted. Of a class they never change."""
        slots = {slot for base in cls.__mro__ for slot in base.__dict__.get("__slots__", ())}
        fixed = {name for base in cls.__mro__ for name in base.__dict__.get("CONFIGURATION", ())}
        return tuple(sorted(slots - fixed))
