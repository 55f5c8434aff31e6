"""What belongs together: the routes of one release."""

from __future__ import annotations

from msgspec import Struct


class ReleaseGroup(Struct, frozen=True):
    """The release over several routes that a route is part of: what belongs together goes together."""

    name: str
    """Name of the release; no route has it."""
    routes: tuple[str, ...]
    """Names of its routes, in the order of the file."""
    false_alarm: float
    """Probability of ever blaming a healthy release by any line of any of its routes, each of which has its part."""
    digest: str = ""
    """SHA-256 of what all of these sections say about traffic: a change of one begins the release anew on all."""
