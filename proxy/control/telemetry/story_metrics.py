"""Metrics of stories: whether the disk takes them, and how many made room."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.stories.archive import Archive
from proxy.control.telemetry.forms import counter


class StoryCollector(Collector):
    """The folder of stories."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def collect(self) -> Iterator[Metric]:
        errors, removed = float(self._archive.errors), float(self._archive.removed)
        yield counter("penumbra_story_errors", "Reads and writes of stories that failed.", (), [((), errors)])
        yield counter("penumbra_stories_removed", "Stories that made room for newer ones.", (), [((), removed)])
