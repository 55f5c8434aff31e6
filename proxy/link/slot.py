"""The table slot: the last published table in an anonymous file that every process inherits.

A worker that starts while control is gone reads it and serves the primaries of the last table. The first table of all
stands there before control is up: control has promised it, so it is in force for its lease. Control is the only
writer. A torn write (control killed in the middle) is seen by the checksum and reads as no table.
"""

from __future__ import annotations

import os
from struct import Struct
from zlib import crc32

import msgspec

from proxy.contracts.table import Table

_HEADER = Struct(">IId")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Table)


class TableSlot:
    """`fd`: a readable and writable file, shared by processes. It lives as long as any of them."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, table: Table, promised: float = 0.0) -> None:
        """Replaces the table. `promised`: when (monotonic seconds) a control that is not up yet promised it. Raises
        OSError when the file system is full."""
        body = _encoder.encode(table)
        os.pwrite(self._fd, _HEADER.pack(len(body), crc32(body), promised) + body, 0)

    def read(self) -> Table | None:
        """The last table that was written whole, or None."""
        return self.promised()[0]

    def promised(self) -> tuple[Table | None, float]:
        """The same, and when it was promised; 0: it was published."""
        header = os.pread(self._fd, _HEADER.size, 0)
        if len(header) < _HEADER.size:
            return None, 0.0
        size, check, promised = _HEADER.unpack(header)
        body = os.pread(self._fd, size, _HEADER.size)
        if crc32(body) != check:
            return None, 0.0
        table: Table = _decoder.decode(body)
        return table, promised
