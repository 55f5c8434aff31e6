"""Files that the program writes: each has to be one of its own, or what is written into it destroys the other.

An anchor that is named like the state file would append its lines to a database, a capture like the configuration to
that. Names are compared as they lead to files now, symbolic links resolved, with what is written beside them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from proxy.config.section import Section
from proxy.contracts.settings import Settings

_OF_SQLITE = ("", "-wal", "-shm", "-journal")
BESIDE_STATE = (*_OF_SQLITE, ".lock", ".new", *(f".history{ending}" for ending in (*_OF_SQLITE, ".damaged")))
"""Endings of what control and SQLite write for a state file."""
BESIDE_CAPTURE = ("", ".1")
"""A capture, and the older half of it."""

Use = tuple[str, str, tuple[str, ...]]
"""Option, path, endings of the files that belong to it."""


def refuse_shared(root: Section, settings: Settings, path: str) -> None:
    """Reports each file that is written and has another use as well. `path`: the configuration; "" for none."""
    used: dict[str, str] = {}
    for option, name, endings in (*_read(settings, path), *_written(settings)):
        files = {os.path.realpath(name + ending) for ending in endings}
        other = next((used[file] for file in sorted(files) if file in used), "")
        if other and option in WRITTEN:
            root.refuse(option, f"{name}, a file of {other}", "a file of its own")
        used |= dict.fromkeys(files, option)


WRITTEN = ("state", "audit.anchor", "capture.path")


def _read(settings: Settings, path: str) -> Iterator[Use]:
    if path:
        yield "this configuration", path, ("",)
    for route in settings.routes:
        if route.analysis.profile:
            yield f"routes.{route.name}.analysis.profile", route.analysis.profile, ("",)


def _written(settings: Settings) -> Iterator[Use]:
    if settings.anchor:
        yield "state", settings.state, BESIDE_STATE
        yield "audit.anchor", settings.anchor, ("",)
    if settings.capture and settings.capture.path:
        yield "capture.path", settings.capture.path, BESIDE_CAPTURE
