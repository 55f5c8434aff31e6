"""The files of a report: those that were asked for, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.report.outputs import FORMS, STDOUT, Outputs, write
from proxy.contracts.replay import decode
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
    assert Outputs(json=STDOUT, page=Path("x")).to_stdout == ["json"]
    write(failed(), Outputs(json=STDOUT))
    assert decode(capfdbinary.readouterr().out) == failed()
