"""Whatever a name leads to: a bounded answer at once, or an error that says what was found and what is allowed."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import files

LIMIT = 1000


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.relpath(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "found"),
    [(Path.mkdir, "a directory"), (fifo, "a pipe"), (listening, "a socket"), (device, "a device")],
)
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_regular_file_is_refused_unopened(
    tmp_path: Path, make: Callable[[Path], None], found: str, linked: bool
) -> None:
    named, there = tmp_path / "named", tmp_path / "there"
    make(there if linked else named)
    if linked:
        named.symlink_to(there)
    for read in (lambda: files.content(named, LIMIT), lambda: list(files.lines(named, LIMIT))):
        with pytest.raises(OSError, match=f"{found}; allowed: a regular file") as refused:
            read()
        assert refused.value.filename == str(named)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND])
def test_a_pipe_that_took_the_place_meanwhile_is_refused_as_well(
    tmp_path: Path, flags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo(tmp_path / "pipe")
    monkeypatch.setattr(files, "refuse_irregular", lambda path: None)
    with pytest.raises(OSError, match=r"a pipe; allowed|No such device or address"):
        files.descriptor(tmp_path / "pipe", flags)


def test_links_to_regular_files_are_followed_as_a_config_map_needs(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "penumbra.yaml").write_bytes(b"a: b")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "penumbra.yaml").symlink_to("..data/penumbra.yaml")
    assert files.content(tmp_path / "penumbra.yaml", LIMIT) == b"a: b"


@given(st.integers(0, 2 * LIMIT))
def test_a_file_is_read_whole_or_refused_by_its_size(size: int) -> None:
    path = f"/dev/shm/penumbra-test-files-{os.getpid()}"
    with open(path, "wb") as file:
        file.write(b"x" * size)
    try:
        if size <= LIMIT:
            assert files.content(path, LIMIT) == b"x" * size
        else:
            with pytest.raises(OSError, match=f"{size} bytes; allowed: at most {LIMIT} bytes"):
                files.content(path, LIMIT)
    finally:
        os.unlink(path)


def test_a_huge_file_costs_nothing(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="1099511627776 bytes"):
        files.content(tmp_path / "huge", LIMIT)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_file_can_have_is_an_error_like_others(name: str) -> None:
    for read in (lambda: files.content(name, LIMIT), lambda: list(files.lines(name, LIMIT))):
        with pytest.raises(OSError, match="a name that no file can have"):
            read()


@pytest.mark.parametrize(
    ("name", "number"), [("", errno.ENOENT), ("n" * 300, errno.ENAMETOOLONG), ("loop", errno.ELOOP)]
)
def test_other_errors_are_those_of_the_system(tmp_path: Path, name: str, number: int) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as failed:
        files.content(f"{tmp_path}/{name}" if name else name, LIMIT)
    assert failed.value.errno == number


def writes_while_reading(path: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody adds a byte in the middle of each of the first reads."""
    left, read = iter(range(times)), files._first

    def meanwhile(fd: int, count: int) -> bytes:
        body = read(fd, count)
        if next(left, None) is not None:
            with path.open("ab") as file:
                file.write(b"+")
        return body

    monkeypatch.setattr(files, "_first", meanwhile)


def test_a_file_that_changes_once_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"half")
    writes_while_reading(path, 1, monkeypatch)
    assert files.content(path, LIMIT) == b"half+"


def test_a_file_that_does_not_stand_still_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"half")
    writes_while_reading(path, 10, monkeypatch)
    with pytest.raises(OSError, match="changes while it is read"):
        files.content(path, LIMIT)


def test_a_file_of_the_kernel_without_a_size_does_not_stand_still_either() -> None:
    with pytest.raises(OSError, match="changes while it is read"):
        files.content("/proc/self/status", LIMIT)


def test_lines_are_bounded_each(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\n" * 10_000 + b"last")
    assert len(list(files.lines(path, 4))) == 10_001
    with pytest.raises(OSError, match="a line of more than 3 bytes"):
        list(files.lines(path, 3))


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=9), st.booleans())
def test_blocks_are_the_lines_many_at_a_time(lines: list[bytes], ended: bool) -> None:
    data = b"\n".join(lines) + b"\n" * ended
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(files, "BLOCK", 16)
        (path := Path(folder, "file")).write_bytes(data)
        found = list(files.blocks(path, 400))
        assert b"".join(found) == data and all(block.endswith(b"\n") for block in found[:-1])


@pytest.mark.parametrize(
    "data", [b"x" * 200_000, b"x" * 100_001 + b"\n", b"one\n" * 40_000 + b"x" * 100_000 + b"\nx\n"]
)
def test_blocks_have_no_line_beyond_the_bound(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "file").write_bytes(data)
    with pytest.raises(OSError, match="a line of more than 100000 bytes"):
        list(files.blocks(path, 100_000))


@pytest.mark.parametrize(
    ("folder", "file"), [(0o755, 0o600), (0o775, 0o660), (0o2770, 0o660), (0o777, 0o600), (0o1777, 0o600)]
)
def test_a_new_file_is_the_groups_where_its_folder_is(folder: int, file: int, tmp_path: Path) -> None:
    tmp_path.chmod(folder)
    files.create(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == file


@pytest.mark.parametrize(("folder", "made"), [(0o755, 0o700), (0o775, 0o770), (0o777, 0o700)])
def test_a_new_folder_is_the_groups_where_its_own_is(folder: int, made: int, tmp_path: Path) -> None:
    tmp_path.chmod(folder)
    for _ in range(2):
        files.create_folder(tmp_path / "new")
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == made


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    (tmp_path / "old").mkdir(0o750)
    files.create_folder(tmp_path / "old")
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o750


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    (tmp_path / "old").write_text("x")
    (tmp_path / "old").chmod(0o604)
    files.create(tmp_path / "old")
    assert (tmp_path / "old").read_text() == "x"
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o604


def test_a_volume_without_modes_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    tmp_path.chmod(0o775)
    monkeypatch.setattr(os, "fchmod", refuse)
    files.create(tmp_path / "new")
    assert (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, ["mode 0750", "this runs as user", "chmod g+rwX", "fsGroup"]),
        (errno.EPERM, ["mode 0750", "this runs as user"]),
        (errno.EROFS, ["needs a volume that can be written"]),
        (errno.ENOENT, ["there is no folder"]),
        (errno.ENOSPC, ["No space left"]),
    ],
)
def test_why_a_file_cannot_be_written_is_said_in_full(number: int, said: list[str], tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    sentence = files.denied(tmp_path / "file", OSError(number, os.strerror(number)))
    for each in (os.strerror(number), *said):
        assert each in sentence
    assert number == errno.ENOSPC or str(tmp_path) in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_what_is_there_and_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o400)
    with pytest.raises(PermissionError):
        files.refuse_unwritable(tmp_path / "file")


def test_what_is_not_there_or_can_be_written_is_not_refused(tmp_path: Path) -> None:
    files.refuse_unwritable(tmp_path / "file")
    (tmp_path / "file").touch()
    files.refuse_unwritable(tmp_path / "file")


def test_of_a_long_file_the_beginning_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 2 * LIMIT)
    assert files.beginning(tmp_path / "f", LIMIT) == b"x" * LIMIT
    with pytest.raises(OSError, match="f"):
        files.beginning(tmp_path, LIMIT)


def test_a_file_is_put_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report"
    files.put(path, b"one")
    path.chmod(0o640)
    (link := tmp_path / "link").symlink_to(path)
    files.put(link, b"two")
    assert (path.read_bytes(), link.is_symlink(), stat.S_IMODE(path.stat().st_mode)) == (b"two", True, 0o640)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "report"]


def test_a_file_that_cannot_be_put_whole_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report"
    files.put(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.put(path, b"two" * 1000)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"one" and [each.name for each in tmp_path.iterdir()] == ["report"]


def test_what_has_no_place_of_its_own_is_written_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.put("/dev/null", b"gone")
    with pytest.raises(OSError, match="Is a directory"):
        files.put(tmp_path, b"x")
    with pytest.raises(OSError, match="No such file"):
        files.put(tmp_path / "no" / "report", b"x")
    (mounted := tmp_path / "mounted").write_bytes(b"before")

    def busy(this: str, that: str) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    files.put(mounted, b"now")
    assert mounted.read_bytes() == b"now" and [each.name for each in tmp_path.iterdir()] == ["mounted"]
    with pytest.raises(OSError, match="busy"):
        files.put(tmp_path / "new", b"x")


def test_where_nothing_can_be_put_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.refuse_unput(tmp_path / "new")
    files.refuse_unput("/dev/null")
    for place, number in ((tmp_path, errno.EISDIR), (tmp_path / "no" / "a", errno.ENOENT)):
        with pytest.raises(OSError, match=re.escape(str(place))) as caught:
            files.refuse_unput(place)
        assert caught.value.errno == number
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        files.refuse_unput(tmp_path / "new")


def test_a_file_in_pieces_takes_its_place_when_all_are_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), files.putting(path) as file:
        file.writelines(pieces())
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]
    with files.putting(path) as file:
        file.write(b"new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["file"]


def test_nothing_takes_the_place_of_a_device_and_faults_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(files.UnusableFileError, match="a device"), files.putting("/dev/null"):
        pass
    with pytest.raises(OSError, match="No such file") as fault, files.putting(tmp_path / "no" / "file"):
        pass
    assert fault.value.filename == str(tmp_path / "no" / "file")
    with pytest.raises(OSError, match="other") as fault, files.putting(tmp_path / "file"):
        raise OSError(5, "other", "elsewhere")
    assert fault.value.filename == "elsewhere" and os.listdir(tmp_path) == []


def test_nothing_is_written_over_what_it_is_made_of_or_what_else_is_made(tmp_path: Path) -> None:
    source, link, report = tmp_path / "records", tmp_path / "link", tmp_path / "report"
    source.write_text("x")
    link.symlink_to(source)
    for outputs in ((source,), (link,), (report, tmp_path / "." / "report")):
        with pytest.raises(files.UnusableFileError, match="allowed: another file"):
            files.refuse_over(outputs, (source,))
    files.refuse_over((report, tmp_path / "page", Path("/dev/null"), Path("/dev/null")), (source,))
