"""The text of a configuration comes from a regular file of bounded size, or from the standard input where it may."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy.config.text import CONFIGURATION, MAX_BYTES, text_of
from proxy.contracts.settings import ConfigError


def problem(path: str, *, again: bool = False) -> tuple[str, str]:
    """What is found and allowed, of a text that there is none of."""
    with pytest.raises(ConfigError) as refused:
        text_of(path, again=again)
    (only,) = refused.value.problems
    return only.found, only.allowed


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    return stream


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("größer: 1", encoding="utf-8")
    assert text_of(tmp_path / "file", again=True) == "größer: 1"


def test_a_pipe_is_refused_with_the_way_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")
    assert problem(pipe) == (f"{pipe}: a pipe", "a regular file, or - for the standard input")
    assert problem(pipe, again=True) == (f"{pipe}: a pipe", "a regular file")


def test_a_file_that_is_not_there_or_not_a_text_is_a_problem(tmp_path: Path) -> None:
    assert problem(f"{tmp_path}/none") == (f"{tmp_path}/none: No such file or directory", "a readable file")
    (tmp_path / "bytes").write_bytes(b"a: \xff")
    assert problem(f"{tmp_path}/bytes") == ("a byte that is not UTF-8 at 3", "a text in UTF-8")


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", MAX_BYTES + 1)
    assert problem(f"{tmp_path}/huge") == (f"{tmp_path}/huge: {MAX_BYTES + 1} bytes", f"at most {MAX_BYTES} bytes")


def test_the_standard_input_is_read_to_its_end_where_once_is_enough(standard_input: io.BytesIO) -> None:
    standard_input.write(b"a: 1")
    standard_input.seek(0)
    assert text_of("-") == "a: 1"
    assert problem("-", again=True)[1] == "a regular file, which is read again on a reload"


def test_the_standard_input_is_bounded_too(standard_input: io.BytesIO) -> None:
    standard_input.write(b"a" * (MAX_BYTES + 1))
    standard_input.seek(0)
    assert problem("-") == (f"-: more than {MAX_BYTES} bytes", f"at most {MAX_BYTES} bytes")


@pytest.mark.parametrize("more", [0, MAX_BYTES])
def test_a_capture_in_place_of_a_configuration_is_called_what_it_is(tmp_path: Path, more: int) -> None:
    """However large it is; one object of JSON is YAML as well."""
    path = tmp_path / "records"
    path.write_bytes(b'\n{"exchange": 1}\n{"exchange": 2}\n' + bytes(more))
    assert problem(str(path)) == (f"{path}: lines of JSON, as a capture has them", CONFIGURATION)
    for text in ('{"listen": "127.0.0.1:1"}\n', '{"a": 1,\n{"b": 2}}\n', "{listen: a}\n{b}\n"):
        path.write_text(text)
        assert text_of(path) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"_type": "https://in-toto.io/Statement/v1"}', "an in-toto statement, as a package is"),
        ('{"payloadType": "a", "payload": "b"}', "a signed document, as a package is"),
        ('{"schema": 1, "verdict": "pass"}', "a report of a replay"),
    ],
)
def test_other_documents_are_called_what_they_are(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "file").write_text(text)
    assert problem(f"{tmp_path}/file") == (f"{tmp_path}/file: {found}", CONFIGURATION)


@pytest.mark.parametrize("more", ["", '\n{"b": 1}'])
def test_what_is_nested_without_end_is_the_parsers_to_refuse(tmp_path: Path, more: str) -> None:
    (tmp_path / "file").write_text(text := '{"a":' * 20_000 + more)
    assert text_of(tmp_path / "file") == text
