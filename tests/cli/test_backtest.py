"""`penumbra backtest`: its table, its JSON and its exit code. `tests/control/capture` has the rehearsal itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace

from proxy.cli.backtest import Progress, show_backtest
from proxy.config.load import parse
from proxy.contracts.settings import Settings
from proxy.control.capture.format import FORMAT, Header, line_of
from proxy.control.capture.gaps import CaptureGaps
from proxy.control.capture.reading import legs_in
from proxy.control.capture.seal import OpenSegment
from tests.control.capture.test_replay import traffic

JSON = b"content-type: application/json\r\n"
CONFIG = """
listen: 127.0.0.1:0
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
"""


@pytest.fixture
def settings() -> Settings:
    return parse(CONFIG, {})


def captured(folder: Path, error: float) -> Path:
    """A file of 1,000 records, of which the canary's fail with probability `error`."""
    path = folder / "records"
    path.write_bytes(b"".join(map(line_of, traffic(10, 100, error))))
    return path


def test_a_breach_is_a_row_and_the_answer(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_backtest(settings, [captured(tmp_path, 1.0)], as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1,000 records, 1 act"
    assert [line.split()[1:3] for line in lines if "cancer" in line and "T" in line.split()[0]] == [
        ["cancer", "rollback"]
    ]


def test_no_breach_is_no_act(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_backtest(settings, [captured(tmp_path, 0.01)], as_json=True) == 5
    answer = json.loads(capsys.readouterr().out)
    assert (answer["records"], answer["acts"]) == (1000, [])
    assert "no header" in answer["missing"][0]
    assert "995 of 1,000 records of cancer have no bodies, which invalid_rate cannot do" in answer["missing"][1]
    assert {verdict["version"] for verdict in answer["verdicts"]["cancer"]} == {"v2"}


def test_records_that_are_in_two_files_count_once(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, early = captured(tmp_path, 0.01), tmp_path / "early"
    early.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:400]))
    show_backtest(settings, [early, path], as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["records"] == 1000
    assert answer["notes"] == ["400 records are in the files more than once, and counted once"]


@pytest.mark.parametrize(("content", "why"), [(None, "/records: No such file or directory\n"), (b"no record\n", "1")])
def test_a_file_that_cannot_be_read_ends_the_command(
    settings: Settings, tmp_path: Path, content: bytes | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(typer.Exit) as caught:
        show_backtest(settings, [path], as_json=False)
    assert caught.value.exit_code == 2
    assert why in capsys.readouterr().err


def test_progress_counts_what_passes(tmp_path: Path) -> None:
    legs = Progress(legs_in([captured(tmp_path, 0.0)]), CaptureGaps(parse(CONFIG, {})))
    assert len(list(legs)) == legs.count == 1000


def test_a_capture_that_holds_what_the_limits_need_is_enough(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [
        replace(leg, path="/v1", request=b"{}", response=b"[1]", request_fields=JSON, response_fields=JSON, copies=0)
        for leg in traffic(10, 100, 0.01)
    ]
    made = OpenSegment()
    lines = [
        made.header(Header(penumbra_capture=FORMAT, made="0", began=1.0)),
        *[made.add(line_of(leg)) for leg in whole],
    ]
    (tmp_path / "records").write_bytes(b"".join([*lines, made.seal()]))
    assert show_backtest(settings, [tmp_path / "records"], as_json=False) == 0
    assert "not judged" not in capsys.readouterr().out
    (tmp_path / "records").write_bytes(b"".join(lines))
    assert show_backtest(settings, [tmp_path / "records"], as_json=False) == 5
    assert "not judged: records is not sealed" in capsys.readouterr().out
