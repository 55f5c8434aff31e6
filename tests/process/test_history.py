"""The history of a real program whose control is killed while it writes, and whose file somebody else holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from tests.process.conftest import Write
from tests.process.test_deaths import new_pid
from tests.support.running import Running, Traffic, eventually

Steps = dict[int, int]


def told(running: Running, step: int) -> Steps:
    """The primary's requests by the beginning of each step of the last minutes that is whole and was observed."""
    path = f"/v1/routes/r/history?series=requests&step={step}"
    until = running.ask("GET", path).json()["until"]
    document: Any = running.ask("GET", f"{path}&from={max(until - 300, 1)}").json()
    values: list[int | None] = next((each["values"] for each in document["series"] if each["role"] == "primary"), [])
    begins = range(document["from"], document["until"] - step + 1, step)
    return {at: n for at, n in zip(begins, values, strict=False) if n is not None}


def test_what_was_stored_when_control_is_killed_is_whole_and_the_history_goes_on(write: Write, tmp_path: Path) -> None:
    chance = Random(7)
    with Running(write()) as running, Traffic(running.data, clients=2, pause=0.005) as traffic:
        kept: Steps = {}
        for _ in range(2):
            several = len(kept) + 5
            eventually(lambda several=several: len(told(running, 1)) >= several, "more seconds")  # type: ignore[misc]
            traffic.more(chance.randrange(1, 200))
            before, old = told(running, 1), running.child("control")
            running.kill(old)
            new_pid(running, "control", old)
            last = max(before) + 1
            eventually(lambda last=last: max(told(running, 1), default=0) > last, "seconds after it")  # type: ignore[misc]
            after = told(running, 1)
            kept = {at: n for at, n in before.items() if at in after}
            assert {at: after[at] for at in kept} == kept, "what is there says the same as before"
            assert list(kept) == list(before)[: len(kept)], "what is lost was the newest"
            assert len(kept) >= 2
        fine, tens = told(running, 1), told(running, 10)
        assert tens and all(n == sum(fine.get(each, 0) for each in range(at, at + 10)) for at, n in tens.items())
    with closing(sqlite3.connect(tmp_path / "state.db.history")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def warned(running: Running) -> bool:
    return any("history" in each for each in running.route()["warnings"])


def test_a_file_that_somebody_else_holds_stops_nothing(write: Write, tmp_path: Path) -> None:
    with Running(write()) as running, Traffic(running.data, clients=2, pause=0.005):
        eventually(lambda: len(told(running, 1)) >= 2, "seconds")
        with closing(sqlite3.connect(tmp_path / "state.db.history", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            eventually(lambda: warned(running), "a warning")
            held = told(running, 1)
            eventually(lambda: len(told(running, 1)) > len(held), "seconds that are in memory")
        eventually(lambda: not warned(running), "the history is stored again")
        after = told(running, 1)
        assert {at: after[at] for at in held} == held
