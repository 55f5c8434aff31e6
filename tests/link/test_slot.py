"""The slot gives back the last table that was written whole."""

from __future__ import annotations

import os
import tempfile

from proxy.contracts.table import Table
from proxy.link.slot import TableSlot


def test_last_table() -> None:
    with tempfile.TemporaryFile() as file:
        writer, reader = TableSlot(file.fileno()), TableSlot(os.dup(file.fileno()))
        assert reader.read() is None
        for revision in (1, 200_000, 3):
            writer.write(Table(revision, {}, ()))
            assert reader.read().revision == revision
        os.close(reader._fd)


def test_a_torn_write_reads_as_no_table() -> None:
    with tempfile.TemporaryFile() as file:
        slot = TableSlot(file.fileno())
        slot.write(Table(1, {}, (), lease=3.0))
        os.pwrite(file.fileno(), b"\x00", 20)
        assert slot.read() is None


def test_what_was_promised_is_so_until_it_is_published() -> None:
    with tempfile.TemporaryFile() as file:
        slot = TableSlot(file.fileno())
        assert slot.promised() == (None, 0.0)
        slot.write(Table(0, {}, ()), 12.5)
        assert slot.promised() == (Table(0, {}, ()), 12.5)
        slot.write(Table(1, {}, ()))
        assert slot.promised() == (Table(1, {}, ()), 0.0)
