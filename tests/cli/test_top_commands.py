"""`penumbra top`: what its options make of it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from proxy.cli import top_commands
from proxy.cli.access import Access
from proxy.cli.main import app
from proxy.cli.top import live


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was called in place of a terminal."""
    calls: list[tuple[object, ...]] = []

    def once(access: Access, only: str, width: int) -> None:
        calls.append(("once", only, width))

    def keeps(access: Access, only: str, every: float) -> None:
        calls.append(("live", only, every))

    monkeypatch.setattr(live, "once", once)
    monkeypatch.setattr(live, "live", keeps)
    return calls


@pytest.mark.parametrize(
    ("arguments", "terminal", "call"),
    [
        ([], True, ("live", "", 2.0)),
        (["fraud", "--every", "0.5"], True, ("live", "fraud", 0.5)),
        (["fraud", "--once"], True, ("once", "fraud", 132)),
        ([], False, ("once", "", 132)),
    ],
)
def test_it_is_live_at_a_terminal_and_once_anywhere_else(
    arguments: list[str], terminal: bool, call: object, done: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_commands, "at_a_terminal", lambda: terminal)
    result = CliRunner().invoke(app, ["top", *arguments], env={"COLUMNS": "132"})
    assert result.exit_code == 0, result.output
    assert done == [call]


def test_a_look_takes_some_time() -> None:
    assert CliRunner().invoke(app, ["top", "--every", "0"]).exit_code == 2
