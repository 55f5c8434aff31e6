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
from proxy.contracts.tls import ServerTls, TlsMaterial
from proxy.contracts.tls_roles import with_material
from tests.support.certificates import Authority, written

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


WITH_TLS = """
listen: 127.0.0.1:0
tls: {{certificate: {0}/tls.crt, key: {0}/tls.key{1}}}
versions: {{a: {{url: http://127.0.0.1:1}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""
CA = Authority()


def test_certificates_in_force_outlive_their_files(slot: SettingsSlot, tmp_path: Path) -> None:
    own = CA.issue("dns:localhost")
    paths, config = written(tmp_path, own, CA), tmp_path / "penumbra.yaml"
    config.write_text(WITH_TLS.format(tmp_path, ""))
    running = parse(config.read_text(), {})
    slot.write(running)
    Path(paths.key).unlink()
    for load in (Loader(str(config), slot, {}), Loader(str(config), slot, {})):
        assert load() == load() == running, "at the start of another control, and at a reload"
    config.write_text(WITH_TLS.format(tmp_path, ", min_version: '1.3'"))
    (tls,) = load().listeners_tls
    assert tls is not None and tls.min_version == "1.3" and tls.material == own.material()
    config.write_text("listen: [")
    assert Loader(str(config), slot, {})().listeners_tls == (tls,), "what a broken file cannot say is kept"


def test_what_rotation_puts_in_force_is_kept(slot: SettingsSlot, tmp_path: Path) -> None:
    written(tmp_path, CA.issue("dns:localhost"), CA)
    config = tmp_path / "penumbra.yaml"
    config.write_text(WITH_TLS.format(tmp_path, ""))
    load = Loader(str(config), slot, {})
    settings = load()
    load.keep(with_material(settings, {"listen": TlsMaterial("new", "key")}))
    config.write_text("listen: [")
    (tls,) = Loader(str(config), slot, {})().listeners_tls
    assert tls is not None and tls.material.certificate == "new"


def _with_client(tmp_path: Path, client: str) -> Settings:
    written(tmp_path, CA.issue("dns:localhost"), CA)
    more = "" if client == "off" else f", client_ca: {tmp_path}/ca.crt, client: {client}"
    return parse(WITH_TLS.format(tmp_path, more), {})


@pytest.mark.parametrize(("before", "after"), [("off", "require"), ("require", "optional"), ("optional", "off")])
def test_whether_clients_are_asked_needs_a_restart(tmp_path: Path, before: str, after: str) -> None:
    running, wanted = (_with_client(tmp_path, client) for client in (before, after))
    with pytest.raises(ConfigError) as caught:
        refuse_what_needs_a_restart(running, wanted)
    (problem,) = caught.value.problems
    assert (problem.path, problem.found, problem.allowed) == ("tls.client", after, f"{before} until a restart")


def test_listeners_stay_as_they_are(tmp_path: Path) -> None:
    running = _with_client(tmp_path, "off")
    (tls,) = running.listeners_tls
    plain = replace(running, listeners_tls=())
    several = replace(running, listener_of=(0, 1), listeners_tls=(None, tls), listen=running.listen * 2)
    for before, after, path in (
        (running, plain, "tls.client"),
        (running, several, "listeners"),
        (several, replace(several, listeners_tls=(None, None)), "listeners"),
        (running, replace(running, admin=replace(running.admin, tls=tls)), "admin.tls.client"),
    ):
        with pytest.raises(ConfigError) as caught:
            refuse_what_needs_a_restart(before, after)
        assert path in [problem.path for problem in caught.value.problems]
