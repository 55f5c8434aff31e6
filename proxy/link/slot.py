"""The table slot: the last published table in an anonymous file that every process inherits.

A worker that starts while control is gone reads it and serves the primaries of the last table. Control is the only
writer. A torn write (control killed in the middle) is seen by the checksum and reads as no table.
"""

from __future__ import annotations

import os
from zlib import crc32

import msgspec

from proxy.contracts.table import Table

_HEADER = 8
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Table)


class TableSlot:
    """`fd`: a readable and writable file, shared by processes. It lives as long as any of them."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, table: Table) -> None:
        """Replaces the table. Raises OSError when the file system is full."""
        body = _encoder.encode(table)
        header = len(body).to_bytes(4, "big") + crc32(body).to_bytes(4, "big")
        os.pwrite(self._fd, header + body, 0)

    def read(self) -> Table | None:
        """The last table that was written whole, or None."""
        header = os.pread(self._fd, _HEADER, 0)
        if len(header) < _HEADER:
            return None
        body = os.pread(self._fd, int.from_bytes(header[:4], "big"), _HEADER)
        if crc32(body) != int.from_bytes(header[4:], "big"):
            return None
        table: Table = _decoder.decode(body)
        return table
