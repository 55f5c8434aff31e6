"""Reference profiles from files: given once, again when they change, and a warning when they cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.contracts.settings import Analysis, RouteSettings
from proxy.contracts.table import Match
from proxy.control.profiles import MAX_PROFILE_BYTES, Profiles
from proxy.stats.drift.profile import profile_of


class Board:
    """Notes which routes were given a profile."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def use_profile(self, route: str, profile: object) -> None:
        self.given.append(route)


def section(path: object = "", name: str = "r", reference: int = 100) -> RouteSettings:
    return RouteSettings(name, Match("/"), "json", "v1", analysis=Analysis(profile=str(path), reference=reference))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "profile.json"
    file.write_bytes(msgspec.json.encode(profile_of({"x": [float(n) for n in range(100)]}, {})))
    return file


def test_a_profile_that_has_not_changed_is_not_given_again(path: Path) -> None:
    board: Any = Board()
    profiles = Profiles(board)
    for _ in range(2):
        profiles.use([section(path), section(name="without")])
    assert board.given == ["r"]
    path.write_bytes(msgspec.json.encode(profile_of({"x": [float(n) for n in range(200)]}, {})))
    profiles.use([section(path)])
    profiles.use([section(path, reference=50)])
    assert board.given == ["r", "r", "r"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"inputs": 1}'])
def test_a_file_that_is_no_profile_is_a_fault_of_its_route(path: Path, content: bytes) -> None:
    board: Any = Board()
    profiles = Profiles(board)
    path.write_bytes(content)
    profiles.use([section(path), section(path.parent / "absent", "other")])
    assert set(profiles.faults) == {"r", "other"}
    assert profiles.faults["r"].startswith(f"routes.r.analysis.profile: {path} cannot be used")
    assert board.given == []
    profiles.use([section()])
    assert profiles.faults == {}


def test_a_pipe_in_place_of_a_profile_is_a_fault_and_stops_nothing(tmp_path: Path) -> None:
    board: Any = Board()
    profiles = Profiles(board)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", MAX_PROFILE_BYTES + 1)
    profiles.use([section(tmp_path / "pipe", "a"), section(tmp_path / "huge", "b"), section("a\0b", "c")])
    for route, said in (("a", "a pipe"), ("b", f"at most {MAX_PROFILE_BYTES} bytes"), ("c", "a name that no file")):
        assert said in profiles.faults[route]
    assert board.given == []
