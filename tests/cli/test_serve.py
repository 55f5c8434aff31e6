"""`penumbra run`: what the process of the command line does before it is the supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli import serve
from proxy.cli.exit_codes import EXIT_NO
from proxy.contracts.settings import Settings

CONFIG = """
listen: 127.0.0.1:0
versions: {a: {url: http://127.0.0.1:1}}
routes: {r: {match: {path: /}, protocol: json, primary: a}}
"""


def test_what_was_loaded_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the supervisor's log and exit code."""
    served: list[tuple[str, str]] = []

    def run(settings: Settings, path: str) -> int:
        served.append((settings.routes[0].name, path))
        return 3

    named: list[str] = []
    monkeypatch.setattr("proxy.cli.serve.run", run)
    monkeypatch.setattr("proxy.logs.configure", named.append)
    config = tmp_path / "penumbra.yaml"
    config.write_text(CONFIG)
    assert serve.serve(config) == 3
    assert (served, named) == ([("r", str(config))], ["supervisor"])


def test_mistakes_are_shown_to_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "penumbra.yaml"
    config.write_text(CONFIG.replace("primary: a", "primary: b"))
    assert serve.serve(config) == EXIT_NO
    assert "routes.r.primary" in capsys.readouterr().err


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.serve(tmp_path / "absent.yaml") == EXIT_NO
    assert "absent.yaml" in capsys.readouterr().err
