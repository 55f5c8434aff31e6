"""The commands of changes, as arguments: which change each one asks for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from typer.testing import CliRunner

from proxy.cli import acting, main
from proxy.cli.access import Access
from proxy.cli.acting import Wish

Asked = list[tuple[str, str, Mapping[str, object], Wish]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made: Asked = []

    def note(access: Access, action: str, name: str, body: Mapping[str, object], wish: Wish) -> None:
        made.append((action, name, body, wish))

    monkeypatch.setattr(acting, "change", note)
    return made


def penumbra(*arguments: str) -> int:
    return CliRunner().invoke(main.app, arguments).exit_code


@pytest.mark.parametrize("action", ["promote", "rollback", "pause", "resume", "undo", "release"])
def test_each_has_a_reason(asked: Asked, action: str) -> None:
    assert penumbra(action, "r", "--reason", "why") == 0
    assert asked == [(action, "r", {"reason": "why"}, Wish())]
    assert penumbra(action, "r") == 2


def test_shares_and_how_it_is_to_be_made(asked: Asked) -> None:
    assert penumbra("split", "r", "v2=25", "--yes", "--wait", "500ms") == 0
    assert penumbra("shadows", "r", "v2=25", "--reason", "why", "--json") == 0
    assert asked == [
        ("split", "r", {"split": {"v2": 25.0}}, Wish(yes=True, wait=0.5)),
        ("shadows", "r", {"shadows": {"v2": 25.0}, "reason": "why"}, Wish(as_json=True)),
    ]


def test_an_undo_that_gives_a_bad_version_traffic_says_so(asked: Asked) -> None:
    assert penumbra("undo", "r", "--reason", "why", "--give-traffic") == 0
    assert asked[0][2] == {"reason": "why", "give_traffic": True}


@pytest.mark.parametrize("wait", ["soon", "0", "-1s", "1"])
def test_a_time_that_is_none(asked: Asked, wait: str) -> None:
    assert penumbra("pause", "r", "--reason", "why", "--wait", wait) == 2
    assert asked == []
