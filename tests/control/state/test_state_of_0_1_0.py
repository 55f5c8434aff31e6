"""A state file of Penumbra 0.1.0 is taken up: splits, releases, rollbacks and audit; evidence begins anew, once.

The file was made by the 0.1.0 program from the configuration beside it: a split and shadows set by hand, a release that
reached its second stage, and a canary that failed and was rolled back.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.config.load import load
from proxy.contracts.settings import Settings
from proxy.control.api import views
from proxy.control.state.evidence_snapshots import WRITE_SECONDS
from proxy.control.state.store import Store
from tests.control.houses import House, arm

HERE = Path(__file__).parent
STARTED = 1_700_000_100.0
"""Some seconds after the old program ended."""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("state-0.1.0.db", "state-0.1.0.yaml"):
        shutil.copy(HERE / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return load("state-0.1.0.yaml", {})


@pytest.fixture
def house(configured: Settings) -> Iterator[House]:
    made = House(configured, Store(configured.state), now=STARTED)
    yield made
    made.store.close()


def test_a_split_by_hand_stays(house: House) -> None:
    assert (house.split("by-hand"), house.shadows("by-hand")) == ({"v2": 25.0}, {"v3": 50.0})


def test_a_release_goes_on_in_its_stage(house: House) -> None:
    state = house.engine.state("released")
    assert (state.phase, state.stage, state.candidate) == ("ramping", 1, "v2")
    assert house.split("released") == {"v2": 10.0}
    house.tick(arm("v1", "primary", 90, 0, 0.9, "released"), arm("v2", "canary", 10, 10, 0.1, "released"))
    house.tick(arm("v1", "primary", 90, 0, 0.9, "released"), arm("v2", "canary", 10, 10, 0.1, "released"))
    assert house.engine.state("released").phase == "rolled_back"


def test_what_was_rolled_back_stays_rolled_back(house: House) -> None:
    state = house.engine.state("rolled-back")
    assert (state.phase, state.rolled_back, house.split("rolled-back")) == ("rolled_back", ("v2",), {})
    lines = views.scorecard(house.engine, "rolled-back")["at_rollback"]
    assert [line["verdict"] for line in lines] == ["fail"]


def test_the_audit_goes_on_and_its_chain_holds(configured: Settings, house: House) -> None:
    before = house.store.head.count
    assert before == 7
    house.tick(arm("v1", "primary", 90, 0, 0.9, "released"), arm("v2", "canary", 10, 10, 0.1, "released"))
    house.tick(arm("v1", "primary", 90, 0, 0.9, "released"), arm("v2", "canary", 10, 10, 0.1, "released"))
    assert house.store.head.count == before + 1
    answer = CliRunner().invoke(app, ["audit", "verify", "state-0.1.0.yaml"])
    assert (answer.exit_code, "8 entries" in answer.stdout) == (0, True), answer.output


def test_audit_verify_reads_the_file_as_it_is(configured: Settings) -> None:
    answer = CliRunner().invoke(app, ["audit", "verify", "state-0.1.0.yaml"])
    assert answer.exit_code == 0, answer.output


def test_evidence_begins_anew_once_and_says_so(configured: Settings, caplog: pytest.LogCaptureFixture) -> None:
    for starts, warned in ((1, 3), (2, 0)):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "penumbra.engine"):
            house = House(configured, Store(configured.state), now=STARTED + 100 * starts)
        anew = [line for line in caplog.messages if "evidence begins anew, release and split go on" in line]
        assert len(anew) == warned, caplog.messages
        house.engine.on_time(house.now + WRITE_SECONDS)
        house.store.close()
