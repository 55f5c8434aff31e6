"""Sockets and files, opened as the settings say; where one cannot be, none is."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy import opening
from proxy.config.load import parse
from proxy.contracts.address import Address
from proxy.contracts.settings import Settings
from proxy.opening import opened

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: s3cret}
versions: {a: {url: http://127.0.0.1:1}, b: {url: http://127.0.0.1:2}}
routes: {r: {match: {path: /}, protocol: json, primary: a, release: {candidate: b, strategy: blue-green}}}
"""


@pytest.fixture
def settings() -> Settings:
    return parse(SETTINGS, {})


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as made:
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)


def test_the_link_is_private_and_nothing_is_left(settings: Settings, home: Path) -> None:
    made = opened(settings)
    (folder,) = home.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Path(made.sockets.folder.socket).is_socket()
    assert [made.data.rpartition(":")[0], made.admin.rpartition(":")[0]] == ["127.0.0.1"] * 2
    made.sockets.close()
    assert not folder.exists()


def test_each_socket_knows_its_listener(settings: Settings) -> None:
    several = replace(settings, listen=(Address("", 0), Address("127.0.0.1", 0)), listener_of=(1, 0))
    sockets, listeners, data, _ = opened(several)
    assert listeners[-1] == 0 and set(listeners[:-1]) == {1} and len(listeners) == len(sockets.open.data)
    assert len(data.split(", ")) == len(listeners)
    sockets.close()
    sockets, listeners, _, _ = opened(settings)
    assert listeners == [0]
    sockets.close()


def test_where_an_address_or_the_link_cannot_be_bound_nothing_stays(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.listdir("/proc/self/fd")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        admin = replace(settings.admin, listen=(Address(*taken.getsockname()),))
        with pytest.raises(OSError, match="in use"):
            opened(replace(settings, admin=admin))

    def no_link(path: str) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(opening, "bound_link", no_link)
    with pytest.raises(PermissionError):
        opened(settings)
    assert os.listdir("/proc/self/fd") == before
    assert list(home.iterdir()) == []
