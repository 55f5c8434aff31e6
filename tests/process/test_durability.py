"""The state file of a real program: deleted, damaged, cut, and beside a wall clock that jumps."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.process.conftest import Write
from tests.support.running import Running, eventually

CANARY = "canary: {version: b, percent: 10}"


def verify(config: Path) -> tuple[int, str]:
    """Exit code and words of `penumbra audit verify`."""
    made = subprocess.run(
        [sys.executable, "-m", "proxy", "audit", "verify", str(config)], capture_output=True, text=True, check=False
    )
    return made.returncode, made.stdout


def shown(running: Running) -> Any:
    return running.ask("GET", "/v1/routes/r").json()


def test_a_rollback_into_a_state_file_that_was_deleted_is_there_after_a_restart(write: Write, tmp_path: Path) -> None:
    config = write(CANARY)
    with Running(config) as running:
        for ending in ("", "-wal", "-shm"):
            (tmp_path / f"state.db{ending}").unlink()
        assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "bad"}).status == 200
        assert verify(config)[0] == 0
    with Running(config) as running:
        assert (shown(running)["phase"], shown(running)["split"]) == ("rolled_back", {"a": 100})
        assert {running.get().version for _ in range(20)} == {"a"}


def test_a_rollback_that_cannot_be_stored_acts_and_says_so(write: Write, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    config = write(CANARY)
    config.write_text(config.read_text().replace("state.db", "home/state.db"))
    with Running(config) as running:
        (tmp_path / "home").rename(tmp_path / "moved")
        assert running.ask("PUT", "/v1/routes/r/split", {"b": 50}).json()["type"] == "/problems/not-stored"
        answer = running.ask("POST", "/v1/routes/r/rollback", {"reason": "bad"})
        assert (answer.status, answer.json()["type"]) == (503, "/problems/not-stored-yet")
        assert shown(running)["split"] == {"a": 100}
        (tmp_path / "home").mkdir()
        eventually(lambda: not shown(running)["warnings"], "a change that is stored at last")
    with Running(config) as running:
        assert shown(running)["phase"] == "rolled_back"


def test_damaged_rows_stop_nothing_and_no_rollback_is_forgotten(write: Write, tmp_path: Path) -> None:
    config = write(CANARY)
    with Running(config) as running:
        assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "bad"}).status == 200
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as db:
        db.execute("UPDATE states SET body = 7")
        db.execute("UPDATE head SET hash = NULL, revision = 'x'")
        db.execute("INSERT OR REPLACE INTO memory VALUES ('r', x'ff00')")
        db.execute("INSERT OR REPLACE INTO clock VALUES (1, 'x', NULL, 5)")
    assert verify(config)[0] == 1
    with Running(config) as running:
        assert (shown(running)["phase"], shown(running)["split"]) == ("rolled_back", {"a": 100})
        assert any("damaged" in warning for warning in shown(running)["warnings"])
        assert b'penumbra_state_mended_total{what="damaged_row"} 2.0' in running.ask("GET", "/metrics").body
        assert not [line for line in running.log if "Traceback" in json.dumps(line)]
        assert verify(config)[0] == 0
