"""`penumbra audit export` and `verify` of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.control.state.store import Store
from tests.release.test_story_export import BACK, CHANGES, KNOWN, REPORT
from tests.support import packages

CONFIG = """
listen: 127.0.0.1:0
state: p.db
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2", package: v2.json}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("penumbra.yaml").write_text(CONFIG)
    Path("v2.json").write_bytes(packages.document("v2", KNOWN))
    Path("report.json").write_text(REPORT)
    store = Store("p.db")
    store.save([BACK], CHANGES, 2, 1700000000.0)
    store.close()
    return tmp_path


def run(command: str, *arguments: str, code: int = 0) -> str:
    words = {"export": ["audit", "export"], "verify": ["audit", "verify"]}[command]
    result = CliRunner().invoke(app, [*words, *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_what_is_exported_is_proved() -> None:
    said = run("export", "cancer", "--config", "penumbra.yaml", "--report", "report.json", "--page", "story.html")
    assert said == "release.json: cancer@3, 3 links, 1 package, 1 report\n"
    said = run("verify", "release.json")
    head = said.split()[-1]
    assert said.startswith("cancer@3: entries 3 to 5 hold, 1 package and 1 report with them")
    assert json.loads(run("verify", "release.json", "--head", head, "--json"))["ok"]
    run("verify", "release.json", "--head", "f" * 64, code=1)
    body = Path("release.json").read_text()
    Path("release.json").write_text(body.replace("try it", "fix it"))
    assert "was edited" in run("verify", "release.json", code=1)
    Path("release.json").write_text(body[:-20])
    assert "no story" in run("verify", "release.json", code=1)
    page = Path("story.html").read_text()
    assert "cancer@3: v2 in place of v1" in page and "error_rate ratio 3" in page


def test_a_package_of_something_else_is_left_out_and_named() -> None:
    Path("v2.json").write_bytes(packages.document("v2"))
    said = run("export", "cancer", "--config", "penumbra.yaml")
    assert "v2.json: left out" in said and "0 packages" in said
    run("verify", "release.json")


def test_what_cannot_be_exported_says_why() -> None:
    assert "no release other" in run("export", "other", "--config", "penumbra.yaml", code=1)
    assert "No such file" in run("export", "cancer", "--config", "penumbra.yaml", "--package", "gone", code=1)
    said = run("export", "cancer", "--config", "penumbra.yaml", "--report", "penumbra.yaml", code=1)
    assert "does not hold" in said
