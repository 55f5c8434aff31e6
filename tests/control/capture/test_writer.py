"""Records on disk, and the decision code run on them again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.contracts.record import Record
from proxy.contracts.settings import Capture
from proxy.control.capture.format import Captured, UnreadableLineError, arms_of, captured, is_bad, line_of, read
from proxy.control.capture.replay import replay
from proxy.control.capture.writer import CaptureWriter, sampled
from tests.control.houses import canary_release, section, settings

SOURCE = (0, "a")


def record(exchange: int = 1, **changes: Any) -> Record:
    given: dict[str, Any] = {"request_id": "id", "route": "cancer", "version": "v1", "role": "primary", "share": 0.9}
    times = {"status": 200, "failure": "", "started": 1000.0, "first_byte": 0.01, "total": 0.02}
    return Record(exchange=exchange, **(given | times | changes))


def test_a_line_keeps_the_facts_and_no_secrets(tmp_path: Path) -> None:
    fields = b"Content-Type: application/json\r\nAuthorization: Bearer x\r\nCookie: y\r\n"
    full = record(path="/v2?key=z", request_fields=fields, request=b'{"a": 1}', response=b"\xff\x00", chunks=[0.1])
    recorder = CaptureWriter()
    for bodies in (False, True):
        recorder.use(Capture(100.0, str(tmp_path / f"{bodies}"), 10_000, bodies))
        recorder.take([full], SOURCE)
    recorder.close()
    (bare,) = read([tmp_path / "False"])
    (whole,) = read([tmp_path / "True"])
    assert (bare.path, bare.request, bare.request_fields, bare.total) == ("/v2", None, b"", 0.02)
    assert (whole.request, whole.response) == (b'{"a": 1}', b"\xff\x00")
    assert whole.request_fields == b"Content-Type: application/json\r\n"
    assert whole == captured(full, SOURCE, bodies=True)
    assert (tmp_path / "True").stat().st_mode & 0o777 == 0o600


def test_the_files_never_hold_more_than_was_said(tmp_path: Path) -> None:
    recorder = CaptureWriter()
    recorder.use(Capture(100.0, str(tmp_path / "records"), 5_000))
    for exchange in range(200):
        recorder.take([record(exchange)], SOURCE)
        sizes = [path.stat().st_size for path in tmp_path.iterdir()]
        assert sum(sizes) <= 5_000 and len(sizes) <= 2
    recorder.close()
    kept = [leg.exchange for leg in read([tmp_path / "records.1", tmp_path / "records"])]
    assert kept == list(range(200 - len(kept), 200)) and len(kept) > 10


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for exchange in range(3):
        recorder = CaptureWriter()
        recorder.use(Capture(100.0, str(tmp_path / "records"), 100_000))
        recorder.take([record(exchange)], SOURCE)
        recorder.close()
    assert [leg.exchange for leg in read([tmp_path / "records"])] == [0, 1, 2]


def test_an_exchange_is_kept_with_all_of_its_legs_or_not_at_all() -> None:
    kept = [sampled(SOURCE, exchange, 10.0) for exchange in range(20_000)]
    assert 0.09 < sum(kept) / len(kept) < 0.11
    assert kept == [sampled(SOURCE, exchange, 10.0) for exchange in range(20_000)]
    assert not any(sampled(SOURCE, exchange, 0.0) for exchange in range(1000))
    assert all(sampled(SOURCE, exchange, 100.0) for exchange in range(1000))


def test_a_disk_that_refuses_is_counted_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = CaptureWriter()
    recorder.use(Capture(100.0, str(tmp_path / "no" / "records"), 100_000))
    for exchange in range(3):
        recorder.take([record(exchange)], SOURCE)
    assert (recorder.errors, recorder.written, len(caplog.records)) == (3, 0, 1)
    os.mkdir(tmp_path / "no")
    recorder.take([record(9)], SOURCE)
    assert recorder.written == 1
    recorder.close()


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"nonsense", b'{"worker": "x"}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "records"
    path.write_bytes(line_of(captured(record(), SOURCE, False)) + b"\n" + line + b"\n")
    with pytest.raises(UnreadableLineError, match="line 3"):
        list(read([path]))


@pytest.mark.parametrize(
    ("status", "failure", "bad"),
    [
        (200, "", False),
        (404, "", False),
        (500, "", True),
        (0, "connect_failed", True),
        (200, "reset", True),
        (0, "client_abort", False),
    ],
)
def test_what_is_charged(status: int, failure: str, bad: bool) -> None:
    leg = captured(record(status=status, failure=failure), SOURCE, False)
    assert is_bad(leg) is bad
    (arm,) = arms_of([leg])
    assert (arm.codes, arm.bad, bool(arm.total)) == ({failure or str(status): 1}, int(bad), not failure)


def traffic(seconds: float, rate: int, error: float, seed: int = 7) -> list[Captured]:
    """Requests at a 10 % split; the canary fails with probability `error`, the primary with 1 %."""
    random, legs = Random(seed), []
    for exchange in range(int(seconds * rate)):
        canary = random.random() < 0.1
        bad = random.random() < (error if canary else 0.01)
        who = {"version": "v2", "role": "canary", "share": 0.1} if canary else {}
        leg = record(exchange, started=1000.0 + exchange / rate, status=500 if bad else 200, **who)
        legs.append(captured(leg, SOURCE, False))
    return legs


def test_a_backtest_says_when_it_would_have_acted() -> None:
    healthy, broken = replay(settings(), traffic(60, 100, 0.01)), replay(settings(), traffic(60, 100, 1.0))
    assert healthy.acts == []
    (act,) = broken.acts
    assert (act.action, act.route) == ("rollback", "cancer")
    assert act.requests < 20 and act.at < 1003.0
    assert healthy.verdicts()["cancer"][0].outcome != "fail"
    for rehearsal in (healthy, broken):
        rehearsal.close()


def test_a_backtest_of_a_release_goes_through_its_stages() -> None:
    release = canary_release(stages=canary_release().stages[1:2])
    rehearsal = replay(settings(section(split=(), release=release)), traffic(60, 100, 0.01))
    assert [act.action for act in rehearsal.acts] == ["promote"]
    rehearsal.close()


def test_nothing_captured_is_no_act() -> None:
    rehearsal = replay(settings(), [])
    assert (rehearsal.acts, rehearsal.verdicts()["cancer"][0].outcome) == ([], "undecided")
    rehearsal.close()


CONFIG = """
listen: 127.0.0.1:0
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
"""


@pytest.mark.parametrize(("error", "code"), [(0.01, 0), (1.0, 1)])
def test_the_command(tmp_path: Path, error: float, code: int) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "records").write_bytes(b"".join(map(line_of, traffic(10, 100, error))))
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "records")])
    assert (run.exit_code, "1,000 records" in run.output) == (code, True)
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "records"), "--json"])
    assert [act["action"] for act in json.loads(run.output)["acts"]] == ["rollback"] * code
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "absent")])
    assert run.exit_code == 1
