"""`penumbra explain` and `penumbra releases` ask the admin API."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from proxy.cli import client
from proxy.cli.main import app

EXPLAINED: dict[str, Any] = {
    "route": "r",
    "at": 0.0,
    "facts_scope": "sidecar",
    "release": None,
    "summary": "r: b was rolled back. It is over.",
    "what": "b was rolled back.",
    "when": "then",
    "to_whom": "7 users.",
    "why": "errors",
    "is_it_over": "Yes.",
    "done": "rollback",
    "now": ["Nothing to do."],
}
LISTED = {"route": "r", "releases": [], "truncated": False}


@pytest.mark.parametrize(
    ("arguments", "path", "answer", "said"),
    [
        (["explain", "r"], "/v1/routes/r/explain", EXPLAINED, "r: b was rolled back. It is over."),
        (["explain", "r", "--at", "1970-01-01T00:00:05Z"], "/v1/routes/r/explain?at=5.0", EXPLAINED, "7 users."),
        (["explain", "r", "--json"], "/v1/routes/r/explain", EXPLAINED, '"what": "b was rolled back."'),
        (["releases", "r"], "/v1/routes/r/releases", LISTED, "r has had no release."),
        (["releases", "r", "--json"], "/v1/routes/r/releases", LISTED, '"truncated": false'),
    ],
)
def test_a_command_asks_and_tells(
    arguments: list[str], path: str, answer: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(access: object, method: str, where: str) -> dict[str, Any]:
        asked.append(f"{method} {where}")
        return answer

    monkeypatch.setattr(client, "ask", ask)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert asked == [f"GET {path}"]
    assert said in result.output
