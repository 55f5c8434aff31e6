"""The folder of the link while its owner lives: made again when it is removed, gone when it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from pathlib import Path

import pytest

from proxy.link_folder import LinkFolder, opened, removed


@pytest.fixture
def folder(tmp_path: Path) -> LinkFolder:
    path = tmp_path / "folder"
    path.mkdir(mode=0o700)
    return LinkFolder(str(path), opened(str(path)))


def test_a_folder_that_was_removed_is_made_again_private_and_locked(folder: LinkFolder) -> None:
    shutil.rmtree(folder.path)
    folder.renew()
    assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700
    another = opened(folder.path)
    with pytest.raises(BlockingIOError):
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(another)
    folder.close()
    assert not os.path.exists(folder.path)


def test_a_folder_with_something_else_in_it_stays(folder: LinkFolder) -> None:
    Path(folder.socket).touch()
    (Path(folder.path) / "notes").touch()
    assert not removed(folder.path)
    assert os.listdir(folder.path) == ["notes"]
    folder.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(folder.lock)
