"""Records on disk, and the decision code run on them again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.contracts.operation import Capture
from proxy.contracts.record import Record
from proxy.control.capture.exchanges import exchanges_in
from proxy.control.capture.format import captured, line_of
from proxy.control.capture.reading import facts_of, legs_in
from proxy.control.capture.sampling import sampled
from proxy.control.capture.writer import CaptureWriter
from tests.control.capture.test_replay import traffic
from tests.control.houses import section

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
    (bare,) = legs_in([tmp_path / "False"])
    (whole,) = legs_in([tmp_path / "True"])
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
    kept = [leg.exchange for leg in legs_in([tmp_path / "records.1", tmp_path / "records"])]
    assert kept == list(range(200 - len(kept), 200)) and len(kept) > 10


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for exchange in range(3):
        recorder = CaptureWriter()
        recorder.use(Capture(100.0, str(tmp_path / "records"), 100_000))
        recorder.take([record(exchange)], SOURCE)
        recorder.close()
    assert [leg.exchange for leg in legs_in([tmp_path / "records"])] == [0, 1, 2]


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


CONFIG = """
listen: 127.0.0.1:0
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
"""


@pytest.mark.parametrize(("error", "code"), [(0.01, 5), (1.0, 1)])
def test_the_command(tmp_path: Path, error: float, code: int) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "records").write_bytes(b"".join(map(line_of, traffic(10, 100, error))))
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "records")])
    assert (run.exit_code, "1,000 records" in run.output) == (code, True)
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "records"), "--json"])
    assert [act["action"] for act in json.loads(run.output)["acts"]] == ["rollback"] * (code == 1)
    run = CliRunner().invoke(app, ["backtest", str(tmp_path / "c.yaml"), str(tmp_path / "absent")])
    assert run.exit_code == 2


def test_labels_of_captured_requests_are_kept(tmp_path: Path) -> None:
    writer = CaptureWriter()
    writer.label([("id", 1)], 1000.0)
    writer.use(Capture(100.0, str(tmp_path / "records"), 100_000, at_least=0))
    writer.take([record(1, path="/v1", copies=0)], SOURCE)
    writer.label([("id", {"class": 2}), ("never", 1)], 1001.0)
    writer.close()
    assert writer.labels == {"written": 1, "unknown": 1, "withheld": 0}
    (found,) = exchanges_in([tmp_path / "records"])
    assert found.label == {"class": 2}


def test_other_settings_begin_another_segment(tmp_path: Path) -> None:
    writer, settings = CaptureWriter(), Capture(100.0, str(tmp_path / "records"), 100_000)
    for bodies in (False, False, True):
        writer.use(replace(settings, bodies=bodies))
        writer.take([record(1)], SOURCE)
    writer.close()
    facts = facts_of(tmp_path / "records")
    assert [header.bodies for header in facts.headers] == [False, True] and not facts.unsealed


def test_records_grow_old(tmp_path: Path) -> None:
    writer = CaptureWriter()
    writer.use(Capture(100.0, str(tmp_path / "records"), 100_000, max_age=60.0))
    writer.take([record(1)], SOURCE)
    writer.look(1100.0)
    assert writer.bounds_reached()["capture_age"] == 1 and (tmp_path / "records.1").exists()
    writer.close()


def test_of_each_stratum_something_is_captured(tmp_path: Path) -> None:
    writer = CaptureWriter()
    writer.use(Capture(1.0, str(tmp_path / "records"), 1 << 20, at_least=5))
    writer.take([record(n, path="/v1", copies=0, status=500 if n % 400 == 0 else 200) for n in range(1000)], SOURCE)
    writer.close()
    found = list(exchanges_in([tmp_path / "records"]))
    assert sum(each.first.status == 500 for each in found) == 3
    assert sum(each.weight for each in found if each.first.status == 200) == pytest.approx(997, rel=0.5)
    assert {each.first.stratum for each in found} == {"cancer/v1/failed", "cancer/v1/good"}
    assert set(facts_of(tmp_path / "records").strata) == {"cancer/v1/failed", "cancer/v1/good"}


def test_a_pipe_in_place_of_the_file_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    """Opening a pipe for writing waits for a reader."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = CaptureWriter()
    writer.use(Capture(100.0, str(path), 1 << 20, False))
    writer.take([record(1)], SOURCE)
    assert (writer.errors, writer.written) == (1, 0)


def test_header_fields_are_kept_that_somebody_has_named(tmp_path: Path) -> None:
    """Metadata of calls among them; what is to be hashed there is hashed."""
    fields = b"content-type: application/grpc\r\nX-Tenant: blue\r\nx-user: ann\r\nauthorization: Bearer x\r\n"
    asked = record(path="/a.Service/Do", request_fields=fields, request=b"\0", response_fields=b"x-tenant: blue\r\n")
    writer, rules = CaptureWriter(), {"/header/x-user": "hash"}
    named = Capture(100.0, str(tmp_path / "records"), 1 << 20, True, headers=("x-tenant", "x-user"), redact=rules)
    writer.use(named, [section()])
    writer.take([asked], SOURCE)
    writer.close()
    (leg,) = legs_in([tmp_path / "records"])
    assert leg.request_fields.startswith(b"content-type: application/grpc\r\nX-Tenant: blue\r\nx-user: ")
    assert b"ann" not in leg.request_fields and b"authorization" not in leg.request_fields
    assert leg.response_fields == b"x-tenant: blue\r\n" and leg.redacted == ("/header/x-user",)
    (header,) = facts_of(tmp_path / "records").headers
    assert header.headers == ("x-tenant", "x-user")


def test_each_record_and_label_that_a_disk_refuses_is_counted(tmp_path: Path) -> None:
    """A batch of many is as many; what waits for its copies is lost when its turn comes."""
    writer = CaptureWriter()
    writer.use(Capture(100.0, str(tmp_path / "records"), 1 << 20))
    writer.take([record(n, path="/v1", copies=0, request_id=name) for n, name in ((1, "one"), (2, "two"))], SOURCE)
    os.rename(tmp_path / "records", tmp_path / "elsewhere")
    writer.use(Capture(50.0, str(tmp_path / "no" / "records"), 1 << 20, at_least=10))
    writer.label([("one", 1), ("unknown", 1), ("two", 0)], 1001.0)
    assert (writer.errors, writer.labels) == (2, {"written": 0, "unknown": 1, "withheld": 0})
    writer.take([record(n, path="/v1", copies=n % 2) for n in range(10, 20)], SOURCE)
    assert (writer.errors, writer.written) == (2 + 5, 2)
    writer.close()
    assert (writer.errors, writer.written) == (2 + 10, 2)
