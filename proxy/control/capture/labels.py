"""Labels of a capture, by request id: they come hours after their exchanges, so all have to be known before the first
exchange is given, however many there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from proxy.control.capture.format import LabelLine


class KnownLabels:
    """The newest label of each request id, in a file of its own that nobody else sees, and that is gone with it."""

    __slots__ = ("_any", "_rows")

    def __init__(self, lines: Iterable[LabelLine]) -> None:
        self._rows = sqlite3.connect("")  # on disk, once it is larger than SQLite's page cache
        self._rows.execute("CREATE TABLE labels (request_id TEXT PRIMARY KEY, label BLOB) WITHOUT ROWID")
        rows: Iterator[tuple[str, bytes]] = ((line.request_id, msgspec.json.encode(line.label)) for line in lines)
        cursor = self._rows.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?)", rows)
        self._any = cursor.rowcount > 0

    def get(self, request_id: str) -> Any:
        """The label of a request, or None."""
        if not self._any:
            return None
        found = self._rows.execute("SELECT label FROM labels WHERE request_id = ?", (request_id,)).fetchone()
        return msgspec.json.decode(found[0]) if found else None

    def close(self) -> None:
        """Frees the file."""
        self._rows.close()
