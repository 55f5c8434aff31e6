"""The supervisor without processes: signals that came before it had started anything. Its life with real ones is
tests/process/test_hangs.py, test_deaths.py and test_drain.py."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy import supervisor
from proxy.config.load import parse
from proxy.contracts.settings import Settings
from proxy.opening import opened
from proxy.signals import HELD
from proxy.starting import task_of
from tests.support.handlers import handlers_kept
from tests.support.running import alive


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return parse(
        "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nversions: {a: {url: http://h:1}}\n"
        "routes: {r: {match: {path: /}, protocol: json, primary: a}}\n",
        {},
    )


def serve(settings: Settings) -> int:
    """The life of a supervisor that starts all itself."""
    sockets, listeners, _, _ = opened(settings)
    try:
        return supervisor.Supervisor(task_of(settings, "penumbra.yaml", listeners), sockets).serve()
    finally:
        sockets.close()


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    with handlers_kept():
        yield


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]])
def test_whom_a_signal_reached_while_it_started_starts_nobody_and_leaves_nothing(
    settings: Settings, numbers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[object] = []
    monkeypatch.setattr(supervisor, "spawn", lambda *arguments: started.append(arguments))
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    for number in numbers:
        signal.raise_signal(number)
    assert serve(settings) == supervisor.EXIT_DRAINED
    assert started == [] and list(tmp_path.iterdir()) == []


def test_two_signals_in_the_first_moment_are_one_that_a_sender_repeats(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "spawn", lambda *arguments: pytest.fail("nobody was to be started"))
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert serve(settings) == supervisor.EXIT_DRAINED


class Births:
    """Stands in for `spawn`: each child is a small command, and `then` happens at the birth of a certain one."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self.pids: list[int] = []
        self.then: dict[int, Callable[[], object]] = {}

    def __call__(self, kind: str, arguments: object) -> int:
        process = subprocess.Popen(self._command)
        process.returncode = 0  # as with `spawn`: the supervisor collects it
        self.pids.append(process.pid)
        self.then.get(len(self.pids), lambda: None)()
        return process.pid

    def all_gone(self) -> bool:
        return not any(map(alive, self.pids))


STUBBORN = ("env", "--ignore-signal=TERM", "--ignore-signal=USR1", "sleep", "60")


def test_a_signal_during_restarts_and_their_delays_ends_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two children that die at once, six times each: by then there are delays, and deaths that nobody has heard of."""
    births = Births("sh", "-c", "exit 7")
    births.then[12] = lambda: signal.raise_signal(signal.SIGTERM)
    monkeypatch.setattr(supervisor, "spawn", births)
    assert serve(settings) == supervisor.EXIT_DRAINED
    assert len(births.pids) in (12, 13) and births.all_gone()


def test_a_second_signal_ends_those_that_do_not_want_to(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    births = Births(*STUBBORN)

    def later() -> None:
        for seconds in (0.1, 0.2):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()

    births.then[2] = later
    monkeypatch.setattr(supervisor, "spawn", births)
    monkeypatch.setattr(supervisor, "SIGNAL_ECHO_SECONDS", 0.0)
    assert serve(settings) == supervisor.EXIT_FORCED
    assert births.all_gone()


def test_who_hangs_is_ended_and_counted_by_its_kind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Children that never beat and use no processor time; even the first word of a drain does not save them."""
    monkeypatch.setattr("proxy.watchdog.START_SECONDS", 1.0)
    monkeypatch.setattr(supervisor, "processor_time", lambda pid: 0)  # one may begin later than the other
    births = Births("sleep", "60")
    births.then[3] = lambda: signal.raise_signal(signal.SIGTERM)
    monkeypatch.setattr(supervisor, "spawn", births)
    caplog.set_level("INFO", "penumbra.supervisor")
    patient = replace(settings, hang=1.0, drain=60.0)
    assert serve(patient) == supervisor.EXIT_DRAINED
    ends = [record.fields for record in caplog.records if record.message == "child exited"]  # type: ignore[attr-defined]
    assert {(end["child"], end["signal"], end["reason"]) for end in ends} >= {
        ("control", "SIGABRT", "hung"),
        ("worker-0", "SIGABRT", "hung"),
    }
    assert births.all_gone()


def test_children_that_a_program_before_it_started_are_its_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The program that takes over is given them as an argument: one that died in between is started again, and a file
    that it was given is passed on to nobody but whose it is."""
    sockets, listeners, _, _ = opened(settings)
    births = Births("sleep", "60")
    births.then[3] = lambda: signal.raise_signal(signal.SIGTERM)
    monkeypatch.setattr(supervisor, "spawn", births)
    before = supervisor.Supervisor(task_of(settings, "penumbra.yaml", listeners), sockets)
    before.start()
    argument: list[str] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: argument.append(arguments[-1]))
    before.hand_over()
    os.kill(births.pids[1], signal.SIGKILL)
    caplog.set_level("INFO", "penumbra.supervisor")
    assert supervisor.supervise(argument[0]) == supervisor.EXIT_DRAINED
    events = [(record.message, vars(record)["fields"].get("child")) for record in caplog.records]
    assert events[:2] == [("child exited", "worker-0"), ("child started", "worker-0")]
    assert len(births.pids) == 3 and births.all_gone()


def test_where_no_program_can_take_over_nothing_is_passed_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets, listeners, _, _ = opened(settings)
    monkeypatch.setattr(supervisor, "command", lambda kind, argument: ["/nowhere/python", argument])
    with pytest.raises(FileNotFoundError):
        supervisor.Supervisor(task_of(settings, "penumbra.yaml", listeners), sockets).hand_over()
    assert not any(map(os.get_inheritable, (*sockets.open.data, sockets.open.lifeline)))
    sockets.close()
