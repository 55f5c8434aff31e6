"""OpenFiles that the first process opens and its children inherit."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from json import dumps, loads
from pathlib import Path

import pytest

from proxy.link.pulse import page
from proxy.link_place import new_folder
from proxy.sockets import OpenFiles, Sockets, bound_link, taken_over


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    folder = new_folder()
    data, admin = (socket.create_server(("127.0.0.1", 0)).detach() for _ in range(2))
    files = os.memfd_create("table"), os.memfd_create("settings")
    yield Sockets(folder, OpenFiles([data], [admin], bound_link(folder.socket), *files, page(2), *os.pipe()))
    assert not Path(folder.path).exists()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_what_is_closed_is_gone(sockets: Sockets) -> None:
    (data,), (admin,), *others = sockets.open
    kept = admin, *others
    sockets.close_data()
    assert sockets.open.data == [] and not is_open(data) and all(map(is_open, kept))
    sockets.close()
    assert not any(map(is_open, kept))


def test_a_link_that_was_removed_is_bound_again_at_the_same_path(sockets: Sockets) -> None:
    path = Path(sockets.folder.socket)
    assert not sockets.renew_link()
    for folder in (True, False):
        shutil.rmtree(path.parent) if folder else path.unlink()
        assert sockets.renew_link()
        with socket.socket(socket.AF_UNIX) as worker:
            worker.connect(str(path))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    sockets.close()


def test_a_link_that_cannot_be_bound_leaves_nothing_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No such file"):
        bound_link(str(tmp_path / "nowhere" / "link"))
    assert os.listdir("/proc/self/fd") == before


def test_another_program_takes_over_and_passes_nothing_on_by_itself(sockets: Sockets) -> None:
    told = sockets.told()
    (data,), (admin,), *others = sockets.open
    numbers = data, admin, *others, sockets.folder.lock
    sockets.pass_on(True)
    assert all(map(os.get_inheritable, numbers))
    taken = taken_over(*loads(dumps(told)))
    assert not any(map(os.get_inheritable, numbers))
    assert loads(dumps(taken.told())) == loads(dumps(told))
    taken.close()
