"""A file is taken up once it stands still."""

from __future__ import annotations

from pathlib import Path

from proxy.control.file_watch import FileWatch


def test_a_file_that_is_being_written_is_left_alone_until_it_stands_still(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    watch = FileWatch(str(path))
    assert not watch.changed()
    for text in ("ab", "abc"):
        path.write_text(text)
        assert not watch.changed(), text
    assert watch.changed() and watch.changed()
    watch.take()
    assert not watch.changed()


def test_a_file_that_is_replaced_or_removed_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    watch = FileWatch(str(path))
    path.unlink()
    assert not watch.changed() and watch.changed()
    (tmp_path / "new").write_text("a")
    (tmp_path / "new").rename(path)
    assert not watch.changed() and watch.changed()


def test_a_change_back_is_none(tmp_path: Path) -> None:
    """As when a link is moved to and fro within one look."""
    one, other, link = tmp_path / "one", tmp_path / "other", tmp_path / "link"
    one.write_text("a")
    other.write_text("b")
    link.symlink_to(one)
    watch = FileWatch(str(link))
    link.unlink()
    link.symlink_to(other)
    assert not watch.changed()
    link.unlink()
    link.symlink_to(one)
    assert not watch.changed() and not watch.changed()
