"""The files of a report: those that were asked for, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.report.outputs import FORMS, STDOUT, Outputs, write
from proxy.contracts.replay import decode
from tests.cli.replay.test_command import CONFIG, replay, server
from tests.support.replayed import capture
from tests.support.replays import failed


def test_each_form_goes_where_it_was_asked_for(tmp_path: Path) -> None:
    paths = {form: tmp_path / form for form in FORMS}
    write(failed(), Outputs(**paths))
    assert decode(paths["json"].read_bytes()) == failed()
    assert paths["junit"].read_bytes().startswith(b"<?xml")
    assert paths["markdown"].read_text().startswith("## ")
    assert paths["page"].read_text().startswith("<!doctype html>")


def test_none_was_asked_for(tmp_path: Path) -> None:
    write(failed(), Outputs())
    assert list(tmp_path.iterdir()) == []


def test_one_may_go_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert Outputs(json=STDOUT, page=Path("x")).to_stdout == ["--json"]
    write(failed(), Outputs(json=STDOUT))
    assert decode(capfdbinary.readouterr().out) == failed()


def test_where_none_can_be_written_it_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    config, captured = tmp_path / "penumbra.yaml", capture(tmp_path / "records", 20)
    config.write_text(CONFIG)
    asked: list[bytes] = []

    def says(body: bytes) -> bytes:
        asked.append(body)
        return b"{}"

    with server(says) as url:
        for place, why in ((tmp_path / "no" / "a.json", "No such file"), (tmp_path, "Is a directory")):
            code, _, told = replay(config, captured, url, "--json", str(place))
            assert (code, told.startswith(f"penumbra replay: {place}: {why}")) == (2, True)
        for option, place in (("--json", captured), ("--html", config)):
            code, _, told = replay(config, captured, url, option, str(place))
            assert (code, "a file that is read; allowed: another file" in told) == (2, True)
        twice = ("--json", str(tmp_path / "x"), "--junit", str(tmp_path / "x"))
        assert replay(config, captured, url, *twice)[0] == 2 and not (tmp_path / "x").exists()
    assert asked == []


def test_they_are_options_of_the_command(tmp_path: Path) -> None:
    config, captured = tmp_path / "penumbra.yaml", capture(tmp_path / "records", 20)
    config.write_text(CONFIG)
    places = {"--junit": tmp_path / "a.xml", "--markdown": tmp_path / "a.md", "--html": tmp_path / "a.html"}
    options = [str(each) for pair in places.items() for each in pair]
    with server() as url:
        code, shown, _ = replay(config, captured, url, *options)
        assert code == 5 and shown.startswith("undecided")
        code, shown, _ = replay(config, captured, url, "--markdown", "-")
        assert code == 5 and shown.startswith("## ")
        code, _, told = replay(config, captured, url, "--json", "-", "--html", "-")
        assert code == 2 and "one form to stdout" in told
    assert all(path.stat().st_size > 500 for path in places.values())
