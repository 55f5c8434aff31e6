"""Reloads: the settings in force outlive a broken file, and what a reload cannot change is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.config.load import parse
from proxy.config.reload import FIXED, Loader, SettingsSlot, as_started, refuse_what_needs_a_restart
from proxy.contracts.address import Address
from proxy.contracts.settings import ConfigError, Settings
from proxy.contracts.tls import ServerTls

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: s3cret}
versions: {a: {url: http://127.0.0.1:1}, b: {url: http://127.0.0.1:2}}
routes: {r: {match: {path: /}, protocol: json, primary: a, release: {candidate: b, strategy: blue-green}}}
"""


@pytest.fixture
def settings() -> Settings:
    return parse(SETTINGS, {})


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
    [
        ("workers: 7", "workers"),
        ("drain: 1s", "drain"),
        ("state: other.db", "state"),
        ("limits: {memory: 1GiB}", "limits.memory"),
    ],
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


def test_a_torn_write_of_the_header_reads_as_no_settings(slot: SettingsSlot, fd: int, settings: Settings) -> None:
    slot.write(settings)
    os.ftruncate(fd, 5)
    assert slot.read() is None


def test_addresses_need_a_restart_and_say_the_one_in_force(settings: Settings) -> None:
    wanted = parse(SETTINGS.replace("listen: 127.0.0.1:0\nadmin", "listen: 127.0.0.1:9\nadmin"), {})
    with pytest.raises(ConfigError) as caught:
        refuse_what_needs_a_restart(settings, wanted)
    (problem,) = caught.value.problems
    assert (problem.path, problem.found) == ("listen", "127.0.0.1:9")
    assert problem.allowed == "127.0.0.1:0 until a restart"


def test_an_address_that_goes_to_another_listener_needs_a_restart() -> None:
    a, b = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    one, other = (ServerTls(f"/{name}.crt", f"/{name}.key") for name in ("one", "other"))
    before = Settings((a, b), {}, (), listener_of=(0, 0), listeners_tls=(one,))
    with pytest.raises(ConfigError, match="listeners"):
        refuse_what_needs_a_restart(before, replace(before, listener_of=(0, 1), listeners_tls=(one, other)))


def test_what_is_fixed_is_shown_as_the_file_would_say_it(settings: Settings) -> None:
    shown = {key: show(settings) for key, show in FIXED.items()}
    assert shown["drain"] == "30s"
    assert shown["admin.listen"] == "127.0.0.1:0"
    refuse_what_needs_a_restart(settings, settings)


@pytest.mark.parametrize(("now", "refused"), [("auto", False), ("3", True)])
def test_a_host_with_other_cpus_by_now_is_no_change_of_the_file(now: str, refused: bool) -> None:
    started = replace(parse(SETTINGS + "workers: auto", {}), workers=7, processors=7.5, memory_total=1 << 30)
    wanted = as_started(started, parse(SETTINGS + f"workers: {now}", {}))
    assert (wanted.processors, wanted.memory_total) == (7.5, 1 << 30)
    assert wanted.workers == (3 if refused else 7)
    if refused:
        with pytest.raises(ConfigError, match="workers: found 3"):
            refuse_what_needs_a_restart(started, wanted)
    else:
        refuse_what_needs_a_restart(started, wanted)
