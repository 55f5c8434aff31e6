"""The supervisor without processes: signals that came before it had started anything. Its life with real ones is
tests/process/test_hangs.py, test_deaths.py and test_drain.py."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import supervisor
from proxy.config.load import parse
from proxy.contracts.settings import Settings
from proxy.signals import HEEDED, HELD, UNHEEDED


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return parse(
        "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nversions: {a: {url: http://h:1}}\n"
        "routes: {r: {match: {path: /}, protocol: json, primary: a}}\n",
        {},
    )


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (*HEEDED, *UNHEEDED)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]])
def test_whom_a_signal_reached_while_it_started_starts_nobody_and_leaves_nothing(
    settings: Settings, numbers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[object] = []
    monkeypatch.setattr(supervisor, "spawn", lambda *arguments: started.append(arguments))
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    for number in numbers:
        signal.raise_signal(number)
    assert supervisor.run(settings, "penumbra.yaml") == supervisor.EXIT_DRAINED
    assert started == [] and list(tmp_path.iterdir()) == []


def test_two_signals_in_the_first_moment_are_one_that_a_sender_repeats(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "spawn", lambda *arguments: pytest.fail("nobody was to be started"))
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert supervisor.run(settings, "penumbra.yaml") == supervisor.EXIT_DRAINED
