"""What is wrong with messages that cannot be read, by the rule that each broke: counted all, logged once in a while.

A rule is the text of an error of `http1`; it names the field, or the part of the message. There are some forty of them;
what is beyond `MAX_RULES` counts as `OTHER`.
"""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger("penumbra.worker")

MAX_RULES: Final = 256
"""Rules, by who broke them, that a worker tells apart."""

OTHER: Final = "other"

AGAIN_SECONDS: Final = 60.0
"""Seconds before the same is logged again."""


class Malformed:
    """Counts since the last `take`. `route` and `version` are empty where a client's request could not be read, `route`
    alone where a version's server has said what nobody has asked for."""

    __slots__ = ("_counts", "_told")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}
        self._told: dict[tuple[str, str, str], float] = {}

    def note(self, route: str, version: str, rule: str, now: float) -> None:
        """A message broke `rule`."""
        key = (route, version, rule)
        if key not in self._told and len(self._told) >= MAX_RULES:
            key = (route, version, OTHER)
        self._counts[key] = self._counts.get(key, 0) + 1
        told = self._told.get(key)
        if told is None or now - told >= AGAIN_SECONDS:
            self._told[key] = now
            who = f"what {version} says unasked" if version else "a client's request"
            if route:
                who = f"route {route}: the answer of {version}"
            log.warning("%s cannot be read: %s", who, rule)

    def take(self) -> list[tuple[str, str, str, int]]:
        """Rows (route, version, rule, count) since the last call."""
        rows = [(*key, count) for key, count in self._counts.items()]
        self._counts = {}
        return rows
