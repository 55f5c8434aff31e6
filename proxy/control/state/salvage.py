"""Salvage of a state file whose pages are damaged: what can still be read goes into a new file, the damaged one is
moved aside and kept.

All of it is read from a copy. Where the first page (the header, and where the tables stand) cannot be used, that of a
new file takes its place: our tables always stand on the same pages. What is missing afterwards is found by whoever
reads it: a state by the audit, an entry by the chain, the end of the chain by its anchor.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from itertools import count
from typing import Any

from proxy.control.state.state_file import BESIDE, EXTRAS_SQL, FAULTS, SCHEMA_SQL, StoreError, connected

COLUMNS = {
    "states": ("route, body", 2),
    "audit": ("seq, route, body, hash", 4),
    "head": ("one, revision, count, hash", 4),
    "memory": ("route, body", 2),
    "clock": ("one, now, boot, boot_id", 4),
    "quarantine": ("id, at, place, name, why, body", 6),
}
"""The tables, in the order of what they are worth."""
MAX_PADDED = 16
"""Times its size that a file is believed to have had: it was cut off, or the number is what is damaged."""
PAGE = 4096
"""Bytes of a page of our files."""

Rows = dict[str, list[tuple[Any, ...]]]


def salvaged(path: str) -> str:
    """Replaces a damaged file by what can be read of it; returns a sentence. Raises StoreError: nothing can be, and the
    file is as it was."""
    try:
        rows = _read(path)
    except OSError as error:  # a folder that is full or may not be written: no copy can be made
        raise StoreError(f"{path}: is damaged, and cannot be copied to be read: {error}") from error
    if not (rows["states"] or rows["audit"]):
        raise StoreError(f"{path}: is damaged, and no state or audit can be read from it")
    aside = next(name for n in count(1) if not os.path.exists(name := f"{path}.damaged-{n}"))
    new = f"{path}.new"
    with suppress(OSError):
        os.unlink(new)
    try:
        _write(new, rows)
        for ending in ("", *BESIDE):
            with suppress(FileNotFoundError):
                os.rename(path + ending, aside + ending)
        os.rename(new, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: is damaged, and cannot be written anew: {error}") from error
    counts = f"{len(rows['states'])} live states and {len(rows['audit'])} audit entries"
    return f"the state file was damaged; {counts} could be read, and the damaged file is {aside}"


def _read(path: str) -> Rows:
    best: Rows = {table: [] for table in COLUMNS}
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
        for splice in (False, True):
            copy = os.path.join(folder, f"copy{splice:d}.db")
            for ending in ("", *BESIDE[:1]):
                with suppress(FileNotFoundError):
                    shutil.copyfile(path + ending, copy + ending)
            _pad(copy)
            if splice:
                _put_first_page(copy, os.path.join(folder, "new.db"))
            with suppress(*FAULTS), closing(connected(copy, True)) as db:
                found = {table: _rows_of(db, table) for table in COLUMNS}
                best = {table: max(best[table], found[table], key=len) for table in COLUMNS}
    return best


def _rows_of(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table that can be read, from its beginning and from its end."""
    columns, _ = COLUMNS[table]
    rows: dict[Any, tuple[Any, ...]] = {}
    for order in ("ASC", "DESC"):
        with suppress(*FAULTS):
            for row in db.execute(f"SELECT {columns} FROM {table} NOT INDEXED ORDER BY 1 {order}"):
                if row[0] in rows:
                    break
                rows[row[0]] = row
    return list(rows.values())


def _pad(copy: str) -> None:
    """Gives a file that was cut off the size that it says it has: SQLite reads nothing of one that is shorter."""
    with open(copy, "r+b") as file:
        said, size = int.from_bytes(file.read(32)[28:32], "big") * PAGE, os.fstat(file.fileno()).st_size
        if size < said <= MAX_PADDED * max(size, PAGE):
            file.truncate(said)


def _put_first_page(copy: str, template: str) -> None:
    """Puts the first page of a new file in the place of that of `copy`."""
    with closing(connected(template, True)) as db:
        db.executescript(SCHEMA_SQL)
        db.executescript(EXTRAS_SQL)
    with open(template, "rb") as file:
        page = bytearray(file.read(PAGE))
    pages = os.stat(copy).st_size // PAGE
    page[24:28] = page[92:96]  # the size below is believed where these two are the same
    page[28:32] = pages.to_bytes(4, "big")
    with open(copy, "r+b") as file:
        file.write(page)


def _write(new: str, rows: Rows) -> None:
    with closing(connected(new, True)) as db:
        db.executescript(SCHEMA_SQL)
        db.executescript(EXTRAS_SQL)
        with db:
            db.execute("BEGIN IMMEDIATE")
            for table, (_, width) in COLUMNS.items():
                for row in rows[table]:
                    with suppress(sqlite3.Error):
                        db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * width)})", row)
