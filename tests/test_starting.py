"""What `penumbra run` does before a smaller program takes over, without processes. With them: tests/process."""

from __future__ import annotations

import os
import signal
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from proxy import starting
from proxy.config.load import parse
from proxy.contracts.settings import Settings
from proxy.signals import HELD
from proxy.supervisor import EXIT_DRAINED, Supervisor
from tests.support.handlers import handlers_kept


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    return parse(
        "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nversions: {a: {url: http://h:1}}\n"
        "routes: {r: {match: {path: /}, protocol: json, primary: a}}\n",
        {},
    )


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a supervisor is told to do, in order. No program takes over."""
    done: list[str] = []

    def hand_over(supervisor: Supervisor) -> NoReturn:
        done.append("hand over")
        raise PermissionError(13, "Permission denied")

    def serve(supervisor: Supervisor) -> int:
        done.append("serve")
        return EXIT_DRAINED

    monkeypatch.setattr(Supervisor, "start", lambda supervisor: done.append("start"))
    monkeypatch.setattr(Supervisor, "hand_over", hand_over)
    monkeypatch.setattr(Supervisor, "serve", serve)
    with handlers_kept():
        yield done


def test_all_are_started_before_a_program_takes_over_and_without_one_this_one_serves(
    settings: Settings, acts: list[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO", "penumbra.supervisor")
    assert starting.run(settings, "penumbra.yaml") == EXIT_DRAINED
    assert acts == ["start", "hand over", "serve"]
    assert [each.message for each in caplog.records][-1] == "the supervisor keeps what it needed to start"
    assert list(tmp_path.iterdir()) == []


def test_who_was_told_to_end_before_starts_nobody(settings: Settings, acts: list[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    signal.raise_signal(signal.SIGTERM)
    assert starting.run(settings, "penumbra.yaml") == EXIT_DRAINED
    assert acts == ["serve"]
    signal.sigwait({signal.SIGTERM})


@pytest.mark.parametrize(("kind", "said"), [("compiled", 0), ("interpreted", 1)])
def test_a_build_that_is_not_compiled_says_so_at_its_start(
    kind: str,
    said: int,
    settings: Settings,
    acts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(starting, "build", lambda: kind)
    caplog.set_level("INFO", "penumbra.supervisor")
    assert starting.run(settings, "penumbra.yaml") == EXIT_DRAINED
    assert [record.message for record in caplog.records].count("interpreted") == said


def test_programs_that_it_starts_import_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(starting.__file__).parent.parent)
    environ = {"PYTHONPATH": "elsewhere"}
    for _ in range(2):
        starting.find_this_package(environ)
        assert environ["PYTHONPATH"].split(os.pathsep) == [root, "elsewhere"]
    empty: dict[str, str] = {}
    starting.find_this_package(empty)
    assert empty == {"PYTHONPATH": root}
    monkeypatch.setattr(sysconfig, "get_path", lambda name: root)
    installed: dict[str, str] = {}
    starting.find_this_package(installed)
    assert installed == {}
