"""The supervisor's rules without processes: when to start again, what is inherited, what an address is."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import stat
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import logs, sockets, supervisor
from proxy.config.load import parse
from proxy.config.reload import Loader, SettingsSlot
from proxy.contracts.settings import Address, ConfigError, Settings

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: s3cret}
versions: {a: {url: http://127.0.0.1:1}, b: {url: http://127.0.0.1:2}}
routes: {r: {match: {path: /}, protocol: json, primary: a, release: {candidate: b, strategy: blue-green}}}
"""


@pytest.fixture
def settings() -> Settings:
    return parse(SETTINGS, {})


def test_a_child_that_lived_is_started_at_once() -> None:
    assert supervisor.restart_delay(supervisor.QUICK_DEATH_SECONDS, 7) == (0.0, 0)


def test_a_child_that_keeps_dying_waits_longer_each_time_and_is_never_given_up() -> None:
    delays, quick = [], 0
    for _ in range(12):
        delay, quick = supervisor.restart_delay(0.1, quick)
        delays.append(delay)
    assert delays[:5] == [0.0, 0.0, 0.1, 0.2, 0.4]
    assert delays == sorted(delays)
    assert delays[-1] == supervisor.MAX_RESTART_DELAY


@given(st.floats(0, 1e6), st.integers(0, 10**9))
def test_delays_are_bounded(lived: float, quick_deaths: int) -> None:
    delay, _ = supervisor.restart_delay(lived, quick_deaths)
    assert 0.0 <= delay <= supervisor.MAX_RESTART_DELAY


def test_the_life_of_a_child() -> None:
    child = supervisor.Child("worker", 3)
    assert (child.name, child.pid, child.due) == ("worker-3", None, 0.0)
    child.running(42, 10.0)
    assert (child.pid, child.due) == (42, None)
    assert child.gone(11.0, again=True) == 0.0
    assert (child.pid, child.due) == (None, 11.0)
    child.running(43, 11.0)
    assert child.gone(12.0, again=False) is None
    assert (child.pid, child.due) == (None, None)


def test_a_signal_to_nobody_is_no_error() -> None:
    supervisor.Child("control").signal(9)


def test_listening_sockets_do_not_block_and_know_their_port() -> None:
    with sockets.listen(Address("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert sockets.bound(sock) == f"127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use") as caught:
            sockets.listen(Address("127.0.0.1", port))
    assert caught.value.filename == f"127.0.0.1:{port}"


def test_ipv6_addresses_are_shown_in_brackets() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with sockets.listen(Address("::1", 0)) as sock:
        assert sockets.bound(sock).startswith("[::1]:")


def test_the_link_is_private_and_nothing_is_left(settings: Settings) -> None:
    opened = sockets.Sockets(settings)
    folder = Path(opened.directory)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Path(opened.link_path).is_socket()
    descriptors = (opened.slot, opened.settings, opened.lifeline)
    opened.close()
    assert not folder.exists()
    for fd in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_children_are_this_interpreter_and_import_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert supervisor.command("worker", "{}") == [sys.executable, "-P", "-m", "proxy", "worker", "{}"]
    root = str(Path(supervisor.__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert supervisor.environment()["PYTHONPATH"].split(os.pathsep) == [root, "elsewhere"]
    monkeypatch.setattr(sysconfig, "get_path", lambda name: root)
    assert supervisor.environment()["PYTHONPATH"] == "elsewhere"


def test_log_lines_are_json_with_the_fields_of_the_event() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonLines("worker-1"))
    log = logging.Logger("penumbra.test")
    log.addHandler(handler)
    log.warning("two\nlines of %s", "text", extra=logs.fields(port=1, path=Path("x")))
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["level"], first["process"], first["event"]) == ("warning", "worker-1", "two\nlines of text")
    assert (first["port"], first["path"]) == (1, "x")
    assert second["error"].endswith("ValueError: no")


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("test")
    yield fd
    os.close(fd)


@pytest.fixture
def slot(fd: int) -> SettingsSlot:
    return SettingsSlot(fd)


def test_the_slot_keeps_the_settings_and_notices_a_torn_write(slot: SettingsSlot, fd: int, settings: Settings) -> None:
    assert slot.read() is None
    slot.write(settings)
    assert slot.read() == settings
    os.pwrite(fd, b"\xff", 40)
    assert slot.read() is None


def test_only_the_first_load_falls_back(slot: SettingsSlot, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "penumbra.yaml"
    path.write_text("broken")
    with pytest.raises(ConfigError):
        Loader(str(path), slot, {})()
    slot.write(settings)
    load = Loader(str(path), slot, {})
    assert load() == settings
    with pytest.raises(ConfigError):
        load()
    path.write_text(SETTINGS.replace("http://127.0.0.1:2", "http://127.0.0.1:3"))
    assert load().versions["b"].port == 3
    assert slot.read() == load()


@pytest.mark.parametrize(
    ("line", "changed"),
    [("workers: 7", "workers"), ("drain: 1s", "drain"), ("state: other.db", "state")],
)
def test_what_needs_a_restart(slot: SettingsSlot, settings: Settings, tmp_path: Path, line: str, changed: str) -> None:
    slot.write(settings)
    path = tmp_path / "penumbra.yaml"
    path.write_text(SETTINGS + line)
    load = Loader(str(path), slot, {})
    assert load() == settings
    with pytest.raises(ConfigError) as caught:
        load()
    assert [problem.path for problem in caught.value.problems] == [changed]
