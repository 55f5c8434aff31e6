"""A control that is killed goes on where it was: the evidence, the stage, what was told; and only in the same state."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.contracts.settings import Guard, Limit, Settings, Stage
from proxy.control.state.evidence_snapshots import WRITE_SECONDS
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release import transitions
from tests.control.houses import House, arm, canary_release, section, settings

GUARD = Guard({"error_rate": Limit(max_ratio=1.5)}, on_breach="notify")


def released(**changes: object) -> Settings:
    return settings(section(split=(), shadows=(), release=canary_release(**changes)))


def killed(house: House, configured: Settings, path: str) -> House:
    """The next house; this one wrote nothing more, as after a kill -9."""
    house.store.close()
    again = House(configured, Store(path))
    again.now = house.now
    return again


def looked(house: House, after: float = 0.25) -> None:
    house.now += after
    house.engine.on_time(house.now)


def breach(house: House) -> float:
    return house.engine.status("cancer").verdicts[0].log_breach


def test_evidence_and_stage_go_on(tmp_path: Path) -> None:
    path, configured = str(tmp_path / "p.db"), released()
    house = House(configured, Store(path))
    house.tick(arm("v1", "primary", 60, 1, 1.0), arm("v2", "shadow", 60, 1, 1.0))
    looked(house)
    assert house.engine.state("cancer").stage == 1
    for _ in range(3):
        house.tick(arm("v1", "primary", 180, 1, 0.9), arm("v2", "canary", 20, 2, 0.1))
        looked(house, WRITE_SECONDS)
    had = (house.engine.status("cancer").legs, breach(house), house.engine.status("cancer").verdicts[0].n)
    assert had[0] == 60 and had[1] > 1.0
    again = killed(house, configured, path)
    looked(again)
    standing = again.engine.status("cancer")
    assert (standing.legs, breach(again), standing.verdicts[0].n) == had
    for _ in range(3):
        again.tick(arm("v1", "primary", 180, 1, 0.9), arm("v2", "canary", 20, 2, 0.1))
    assert again.engine.state("cancer").phase == "rolled_back", "half of the evidence was from before"
    again.store.close()


def test_the_others_go_on_when_an_arm_leaves_just_before_a_kill(tmp_path: Path) -> None:
    test = canary_release(
        strategy="ab-test", stages=(Stage(canary=60.0, requests=10_000),), arms={"v2": 30.0, "v3": 30.0}
    )
    path, configured = str(tmp_path / "p.db"), settings(section(split=(), shadows=(), release=test))
    house = House(configured, Store(path))
    legs = [arm("v1", "primary", 400, 4, 0.4), arm("v3", "canary", 300, 6, 0.3)]
    house.tick(*legs, arm("v2", "canary", 300, 3, 0.3))
    looked(house, WRITE_SECONDS)
    had = [verdict for verdict in house.engine.status("cancer").verdicts if verdict.version == "v3"]
    house.tick(arm("v2", "canary", 300, 290, 0.3))
    assert house.engine.state("cancer").left == ("v2",)
    again = killed(house, configured, path)
    assert list(again.engine.status("cancer").verdicts) == had
    again.store.close()


def test_many_lives_of_control_are_one_test(tmp_path: Path) -> None:
    """A control that is killed each few seconds must not begin each time with nothing lost: losses are kept too."""
    path, configured = str(tmp_path / "p.db"), settings()
    house = House(configured, Store(path))
    for _ in range(10):
        house.tick(arm("v1", "primary", 900, 18, 0.9), arm("v2", "canary", 100, 1, 0.1))
        looked(house, WRITE_SECONDS)
        before = breach(house)
        house = killed(house, configured, path)
        looked(house)
        assert breach(house) == before
    assert before < -1.0
    house.store.close()


def test_a_release_that_was_started_anew_begins_with_nothing(tmp_path: Path) -> None:
    path, configured = str(tmp_path / "p.db"), released()
    house = House(configured, Store(path))
    house.tick(arm("v1", "primary", 60, 0, 1.0), arm("v2", "shadow", 60, 0, 1.0))
    looked(house)
    house.tick(arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 20, 4, 0.1))
    looked(house, WRITE_SECONDS)
    assert breach(house) > 1.0
    plan = house.engine.route("cancer").section.release
    assert plan is not None
    for action, move in (
        ("rollback", lambda s: transitions.rollback(s, (), "", house.now)),
        ("release", lambda s: transitions.start(s, plan, "", house.now + 1.0)),
    ):
        house.engine.command("cancer", action, move, "ops", "", house.now)
    again = killed(house, configured, path)
    looked(again)
    assert (again.engine.status("cancer").legs, breach(again)) == (0, 0.0)
    again.store.close()


def test_another_scorecard_begins_with_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    house = House(settings(section(guard=GUARD)), Store(path))
    house.traffic(100, 20, 10)
    looked(house, WRITE_SECONDS)
    assert breach(house) > 1.0
    again = killed(house, settings(section(guard=Guard({"error_rate": Limit(max_ratio=2.0)}))), path)
    looked(again)
    assert breach(again) == 0.0
    again.store.close()


def test_what_was_told_is_not_told_again(tmp_path: Path) -> None:
    path, configured = str(tmp_path / "p.db"), settings(section(guard=GUARD))
    house = House(configured, Store(path))
    house.traffic(100, 20, 20)
    looked(house, WRITE_SECONDS)
    assert [change.action for change in house.heard].count("notify") == 1
    again = killed(house, configured, path)
    again.traffic(100, 20, 20)
    assert [change.action for change in again.heard].count("notify") == 0
    again.store.close()


@pytest.mark.parametrize("row", [b"", b"rubbish"])
def test_rubbish_is_told_and_begins_with_nothing(row: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "p.db")
    store = Store(path)
    store.remember({"cancer": row, "gone": row})
    house = House(settings(), store)
    assert "begins anew" in caplog.text
    looked(house)
    assert breach(house) == 0.0
    store.close()


def test_a_disk_that_refuses_is_told_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(str(tmp_path / "p.db"))
    house = House(settings(), store)

    def full(*given: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(store, "remember", full)
    for _ in range(3):
        looked(house, WRITE_SECONDS)
    assert (house.engine.store_errors, caplog.text.count("less evidence")) == (3, 1)
    store.close()


def test_a_file_without_memory_is_as_good(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE memory")
    db.close()
    reader = Store(path, write=False)
    reader.close()
    again = Store(path)
    assert again.remembered() == {}
    again.remember({"r": b"1"})
    again.remember({"s": b"2"})
    assert again.remembered() == {"s": b"2"}
    again.close()


def test_a_kill_while_it_writes_leaves_a_whole_memory(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    code = (
        "import sys; from proxy.control.state.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    store.remember({r: (b'%d' % n) * 1000 for r in 'abc'})\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, cwd=os.getcwd())
    assert process.stdout is not None
    for _ in range(50):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = Store(path)
    rows = store.remembered()
    assert set(rows) == set("abc") and len({*rows.values()}) == 1
    assert int(rows["a"][: len(str(last))]) >= 10 ** (len(str(last)) - 1)
    store.close()
