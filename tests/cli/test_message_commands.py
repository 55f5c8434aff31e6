"""`penumbra message test`: exit codes and words; the calls themselves are tests/control/messages/test_trial.py's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from tests.support.upstream import Upstream

FILE = """
listen: 127.0.0.1:8080
state: ":memory:"
versions: {{v1: {{url: "http://h:1"}}}}
routes: {{fraud: {{match: {{path: /}}, protocol: json, primary: v1}}}}
notify: {hooks}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "penumbra.yaml"


def test_each_destination_is_named_with_its_answer_and_without_its_secrets(config: Path) -> None:
    with Upstream("hook") as hook:
        slack = f"{{format: slack, url: '{hook.url}/s3cret'}}"
        config.write_text(
            FILE.format(hooks=f"[{slack}, {{format: teams, name: ops, url: 'http://127.0.0.1:1/s3cret'}}]")
        )
        result = CliRunner().invoke(app, ["message", "test", str(config)])
        one = CliRunner().invoke(app, ["message", "test", str(config), "--to", "slack-1", "--json"])
    first, second = result.output.splitlines()
    assert first.startswith("slack-1 (slack, http://127.0.0.1:") and first.endswith("ok, status 200")
    assert second.startswith("ops (teams, ") and "not delivered" in second and result.exit_code == 1
    assert "s3cret" not in result.output
    assert (one.exit_code, [each["delivered"] for each in json.loads(one.output)]) == (0, [True])


def test_nobody_to_tell_and_an_unknown_name_are_told(config: Path) -> None:
    config.write_text(FILE.format(hooks="[]"))
    none = CliRunner().invoke(app, ["message", "test", str(config)])
    unknown = CliRunner().invoke(app, ["message", "test", str(config), "--to", "nobody"])
    assert (none.exit_code, unknown.exit_code) == (1, 2) and "see `notify`" in none.output
