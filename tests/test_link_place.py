"""Where the link's socket lies: private, short enough, and never left for long."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import link_place
from proxy.link_place import MAX_PATH, PREFIX, clean, new_folder

KILLED = """
import os, signal, socket, sys
from proxy.link_place import new_folder
folder = new_folder()
socket.socket(socket.AF_UNIX).bind(folder.socket)
print(folder.path, flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as made:
        monkeypatch.setattr(tempfile, "tempdir", made)
        monkeypatch.setenv("TMPDIR", made)
        yield Path(made)


def below(parent: Path) -> list[str]:
    return sorted(each.name for each in parent.iterdir())


def test_it_is_private_and_goes_with_its_owner(home: Path) -> None:
    folder = new_folder()
    assert Path(folder.path).parent == home
    assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(folder.socket)
        folder.close()
    assert below(home) == []


def test_what_a_killed_supervisor_left_is_removed_by_the_next(home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, "killed"], capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.is_dir() and (left / "link").is_socket()
    folder = new_folder()
    assert below(home) == [Path(folder.path).name]
    folder.close()


def test_that_of_a_living_one_stays(home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, "lives"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        path = Path(other.stdout.readline().strip())
        new_folder().close()
        assert (path / "link").is_socket()
        other.communicate("")
    assert path.is_dir()
    clean(str(home))
    assert not path.exists()


def test_only_what_is_surely_a_folder_of_a_link_is_removed(home: Path) -> None:
    (home / f"{PREFIX}file").write_text("x")
    (home / f"{PREFIX}more").mkdir()
    (home / f"{PREFIX}more" / "notes").write_text("x")
    (home / "target").mkdir()
    (home / f"{PREFIX}away").symlink_to(home / "target")
    (home / "penumbra-other").mkdir()
    (home / f"{PREFIX}empty").mkdir()
    clean(str(home))
    clean(str(home / "nowhere"))
    kept = ["file", "more", "away"]
    assert below(home) == sorted([*(PREFIX + name for name in kept), "target", "penumbra-other"])


@pytest.mark.parametrize("spare", [0, 1])
def test_a_folder_for_temporary_files_that_is_too_deep_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    room = MAX_PATH - len(f"/{PREFIX}12345678/link") + 1 - spare
    deep = home / ("x" * 40)
    deep /= "y" * (room - len(str(deep)) - 1)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = new_folder()
    assert (Path(folder.path).parent == deep) is bool(spare)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(folder.socket)
    assert len(folder.socket) <= MAX_PATH
    folder.close()


def test_where_there_is_no_place_the_error_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(home / ("x" * 90)))
    monkeypatch.setattr(link_place, "FALLBACKS", ())
    with pytest.raises(OSError, match="at most 107 bytes; set TMPDIR to a shorter one") as caught:
        new_folder()
    assert caught.value.filename == str(home / ("x" * 90))
    monkeypatch.setattr(tempfile, "tempdir", str(home / "nowhere"))
    with pytest.raises(OSError, match="no folder for a socket: No such file"):
        new_folder()


def test_the_folder_of_the_state_is_taken_where_there_is_no_other(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root that is read-only, no /tmp, and no /dev/shm."""

    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setattr(link_place, "FALLBACKS", (str(tmp_path / "gone"),))
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as state:
        folder = new_folder(state)
        assert Path(folder.path).parent == Path(state)
        folder.close()
        assert os.listdir(state) == []
