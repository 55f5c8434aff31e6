"""Sockets that the supervisor opens and its children inherit."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy import sockets
from proxy.config.load import parse
from proxy.contracts.address import Address
from proxy.contracts.settings import Settings

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token: s3cret}
versions: {a: {url: http://127.0.0.1:1}, b: {url: http://127.0.0.1:2}}
routes: {r: {match: {path: /}, protocol: json, primary: a, release: {candidate: b, strategy: blue-green}}}
"""


@pytest.fixture
def settings() -> Settings:
    return parse(SETTINGS, {})


def test_the_link_is_private_and_nothing_is_left(settings: Settings) -> None:
    opened = sockets.Sockets(settings)
    folder = Path(opened.link_path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Path(opened.link_path).is_socket()
    descriptors = (opened.slot, opened.settings, opened.lifeline)
    opened.close()
    assert not folder.exists()
    for fd in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_a_link_that_was_removed_is_bound_again_at_the_same_path(settings: Settings) -> None:
    opened = sockets.Sockets(settings)
    try:
        path = Path(opened.link_path)
        assert not opened.renew_link()
        for folder in (True, False):
            shutil.rmtree(path.parent) if folder else path.unlink()
            assert opened.renew_link()
            with socket.socket(socket.AF_UNIX) as worker:
                worker.connect(str(path))
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        opened.close()
    assert not path.parent.exists()


def test_each_socket_knows_its_listener(settings: Settings) -> None:
    several = replace(settings, listen=(Address("", 0), Address("127.0.0.1", 0)), listener_of=(1, 0))
    opened = sockets.Sockets(several)
    assert opened.listeners[-1] == 0 and set(opened.listeners[:-1]) == {1} and len(opened.listeners) == len(opened.data)
    opened.close()
    opened = sockets.Sockets(settings)
    assert opened.listeners == [0]
    opened.close()
