"""Requests go over all connections in turn, and the connections stay."""

from pathlib import Path

import pytest

from loadtests.traffic import write_bodies
from loadtests.turns import Turns
from tests.support.counting import model_server


def test_all_connections_are_used_by_the_first_run(tmp_path: Path) -> None:
    with model_server() as server:
        turns = Turns(write_bodies(tmp_path / "bodies"), 5)
        seen = turns.drive(server.server_port, 0.0)
        assert (seen.requests, seen.errors) == (5, 0)
        first = list(turns._open)
        assert turns.drive(server.server_port, 0.01).requests > 0
        assert turns._open == first
        turns.close()
        assert not turns._open


def test_a_connection_that_ends_is_told(tmp_path: Path) -> None:
    turns = Turns(write_bodies(tmp_path / "bodies"), 1)
    with model_server() as server:
        turns.drive(server.server_port, 0.0)
        turns._open[0].shutdown(2)
        with pytest.raises(OSError, match=r"Broken pipe|ended"):
            turns.drive(server.server_port, 0.1)
    turns.close()
