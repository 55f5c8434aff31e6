"""What a valid configuration says that is seldom meant. `check` and the log of the start tell it; it is not refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxy.contracts.settings import Settings

PATTERN = re.compile(r"\*|\$$|/:[A-Za-z_]")
"""Globs, the end of a regular expression, and parameters of a path: characters like others in a prefix."""

NO_GLOB = re.compile(r"\$$|/:[A-Za-z_]")
"""The same where a path is a glob."""


def hints(settings: Settings) -> tuple[str, ...]:
    """Sentences, each with its place in the file."""
    return tuple(_patterns(settings))


def _patterns(settings: Settings) -> Iterator[str]:
    for route in settings.routes:
        path = route.match.path
        if found := PATTERN.search(path):
            yield (
                f"routes.{route.name}.match.path: {path} is the beginning of paths, in which {found[0]!r} is itself; "
                f"{path[: found.start()] or '/'} takes all that begin so"
            )
        for index, path in enumerate(route.inference.paths if route.inference else ()):
            if found := NO_GLOB.search(path):
                yield (
                    f"routes.{route.name}.inference.paths[{index}]: {path} is a whole path, in which only * stands "
                    f"for anything: {found[0]!r} is itself; {path[: found.start()]}* takes all that begin so"
                )
