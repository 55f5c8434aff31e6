"""What is said of a capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.capture.show import show_capture
from proxy.control.capture.format import line_of
from tests.control.capture.test_exchanges import leg


def test_what_cannot_be_used_is_said_in_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "records").write_bytes(line_of(leg(1)) + line_of(leg(2, request=None, response=None)))
    show_capture([tmp_path / "records"], as_json=False)
    said = capsys.readouterr().out
    assert "no header and no seal" in said and "2 exchanges of 2 legs, 0 labels, from 1970-01-01T00:16:41" in said
    assert "1 cannot be sent again: its body is not in the capture" in said
    assert "bodies: 1 of requests, 1 of answers" in said


def test_an_empty_one_says_no_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "records").touch()
    show_capture([tmp_path / "records"], as_json=False)
    said = capsys.readouterr().out
    assert "it is empty" in said and said.endswith("0 exchanges of 0 legs, 0 labels\n\n") and "1970" not in said
