"""`penumbra audit`: the chain verified and a release shown, from files of running, stopped and killed processes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.audit import verify_chain
from proxy.cli.main import app
from proxy.contracts.release import RouteState
from proxy.contracts.settings import Release, Stage
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import Change

CONFIG = """
listen: 127.0.0.1:0
state: %s
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1}}
"""
LINEAGE = {"v2": {"endpoint": "127.0.0.1:2", "lineage": {"commit": "4f2a91c"}}, "v1": {"endpoint": "127.0.0.1:1"}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "penumbra.yaml"
    path.write_text(CONFIG % (tmp_path / "p.db"))
    return path


def written(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "p.db"))
    steady = RouteState("cancer", "steady", "v1")
    begun = transitions.start(steady, Release("v2", "canary", (Stage(canary=5.0, requests=1),)), "try it", 1.0)
    back = transitions.rollback(begun, (), "error_rate ratio 3 > limit 1.5", 2.0)
    evidence = [{"outcome": "fail", "sentence": "error_rate ratio 3 > limit 1.5 (n=100, lost=0)"}]
    changes = [
        Change("alice", "release", "cancer", "try it", steady, begun, lineage=LINEAGE),
        Change("scorecard", "rollback", "cancer", back.reason, begun, back, evidence, LINEAGE),
    ]
    store.save([back], changes, 2, 1700000000.0)
    return store


@pytest.mark.parametrize("running", [True, False])
def test_verify(tmp_path: Path, config: Path, running: bool) -> None:
    store = written(tmp_path)
    head = store.head.hash
    if not running:
        store.close()
    result = CliRunner().invoke(app, ["audit", "verify", str(config)])
    assert (result.exit_code, result.output.strip().endswith(head)) == (0, True)
    result = CliRunner().invoke(app, ["audit", "verify", str(config), "--head", head, "--json"])
    assert (result.exit_code, json.loads(result.output)["ok"]) == (0, True)
    result = CliRunner().invoke(app, ["audit", "verify", str(config), "--head", "f" * 64])
    assert (result.exit_code, "another chain" in result.output) == (1, True)
    store.close()


def test_verify_finds_an_edit(tmp_path: Path) -> None:
    written(tmp_path).close()
    db = sqlite3.connect(tmp_path / "p.db")
    db.execute("DROP TRIGGER audit_no_update")
    db.execute("UPDATE audit SET body = replace(body, 'try it', 'hidden') WHERE seq = 1")
    db.commit()
    db.close()
    assert verify_chain(str(tmp_path / "p.db")) == (True, "entry 1 was edited: its hash is not that of its text")


def test_show_tells_the_release_from_commit_to_endpoint(tmp_path: Path, config: Path) -> None:
    written(tmp_path).close()
    result = CliRunner().invoke(app, ["audit", "show", "cancer", "--config", str(config)])
    assert result.exit_code == 0
    for said in (
        "cancer@1",
        "4f2a91c",
        "not stated",
        "127.0.0.1:2",
        "alice",
        "rolled_back",
        "n=100, lost=0",
        "stage",
        "limit",
    ):
        assert said in result.output
    result = CliRunner().invoke(app, ["audit", "show", "cancer@1", "--config", str(config), "--json"])
    assert json.loads(result.output)["versions"]["v2"]["lineage"]["commit"] == "4f2a91c"
    assert json.loads(result.output)["plans"]["cancer"].keys() == {"stages", "limits"}


def test_show_without_such_a_release(tmp_path: Path, config: Path) -> None:
    written(tmp_path).close()
    result = CliRunner().invoke(app, ["audit", "show", "cancer@9", "--config", str(config)])
    assert (result.exit_code, "known: cancer@1" in result.output) == (1, True)


def test_a_file_that_is_not_there(config: Path) -> None:
    result = CliRunner().invoke(app, ["audit", "verify", str(config)])
    assert (result.exit_code, "no such file" in result.output) == (1, True)
