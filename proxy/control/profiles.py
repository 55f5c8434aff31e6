"""Reference profiles from files, made by `penumbra profile` and edited by people. One that cannot be used is a warning
on its route, and the profile is learnt from the first rows instead."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from proxy import files
from proxy.contracts.settings import Analysis, RouteSettings
from proxy.stats.board import Board
from proxy.stats.drift.profile import Profile
from proxy.stats.drift.profile_faults import faults_of

log = logging.getLogger("penumbra.profiles")

MAX_PROFILE_BYTES = 16 * 1024 * 1024
"""Bytes of a profile: that of 200 features with 20 categories each has less than one MiB, edited by hand or not."""

MAX_FAULTS = 3
"""Faults of one file that are named."""


class Profiles:
    """Reads the reference profiles of routes and hands them to the board. `faults`: why a file cannot be used, by
    route."""

    __slots__ = ("_board", "_given", "faults")

    def __init__(self, board: Board) -> None:
        self._board = board
        self._given: dict[str, tuple[bytes, Analysis]] = {}
        self.faults: dict[str, str] = {}

    def use(self, sections: Iterable[RouteSettings]) -> None:
        """Reads the profiles of these routes; one that has not changed is not given again, so that drift goes on."""
        self.faults = {}
        for section in sections:
            if section.analysis.profile:
                self._refer(section.name, section.analysis)

    def _refer(self, route: str, analysis: Analysis) -> None:
        path = analysis.profile
        try:
            content = files.content(path, MAX_PROFILE_BYTES)
            profile = _read(content)
        except (OSError, ValueError) as error:
            self.faults[route] = f"routes.{route}.analysis.profile: {path} cannot be used: {error}"
            log.error("%s", self.faults[route])
            return
        if self._given.get(route) != (content, analysis):
            self._given[route] = content, analysis
            self._board.use_profile(route, profile)


def _read(content: bytes) -> Profile:
    """A profile. Raises ValueError on what is none, or has figures that are none."""
    profile = msgspec.json.decode(content, type=Profile)
    if faults := faults_of(profile):
        raise ValueError("; ".join(faults[:MAX_FAULTS]))
    return profile
