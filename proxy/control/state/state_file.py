"""The state file on its disk: opened, recognised as ours, locked, and known again by device and inode.

SQLite goes on writing into a file that was deleted, moved or replaced, and says that it has stored what nobody will
find: `FileIds` are compared before and after each write. The write-ahead log is part of the file: changes stand in it
first.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from contextlib import suppress

from msgspec import Struct

from proxy import files
from proxy.control.state.rows import text_or_bytes
from proxy.release.audit import GENESIS

APPLICATION_ID = 0x50454E55
"""SQLite's application_id of our files: "PENU"."""
SCHEMA_VERSION = 1
MAX_FULL_CHECK = 64 * 2**20
"""Bytes of a file whose indexes are checked against its rows at the start, at about 100 MB/s; of a larger one, the
pages alone."""

EXTRAS_SQL = """
CREATE TABLE IF NOT EXISTS memory (route TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), now REAL, boot REAL, boot_id TEXT);
CREATE TABLE IF NOT EXISTS quarantine (id INTEGER PRIMARY KEY, at REAL, place TEXT, name TEXT, why TEXT, body BLOB);
"""
"""No part of the schema: a file without them is as good, and a Penumbra that does not know them leaves them alone."""

SCHEMA_SQL = f"""
BEGIN;
CREATE TABLE states (route TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE audit (seq INTEGER PRIMARY KEY, route TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX audit_route ON audit (route, seq);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER, count INTEGER, hash TEXT);
INSERT INTO head VALUES (1, 0, 0, '{GENESIS}');
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

TABLES = {"states", "audit", "head"}
"""What a file of ours always has."""

ADVICE = "restore it from a backup, or move it away to begin anew"
BESIDE = ("-wal", "-shm")
"""Files that SQLite keeps beside a file in use."""


FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of SQLite; those about damage may quote it."""


class StoreError(Exception):
    """The state file cannot be used, or a change could not be written; the message says which and why."""


class DamagedFileError(StoreError):
    """A state file of ours whose pages are damaged."""


FileId = tuple[int, int] | None
"""Device and inode; None: there is no such file."""


class FileIds(Struct, frozen=True):
    """The files of a state file in use."""

    main: FileId
    beside: tuple[FileId, ...]
    """Of `BESIDE`, in order."""
    stamp: tuple[int, int]
    """Time of the last write (ns) and size of the main file."""

    def lost_beside(self, now: FileIds) -> bool:
        """Whether one of the files beside it, as far as it was known, is another one or gone."""
        return any(was is not None and was != found for was, found in zip(self.beside, now.beside, strict=True))


def refuse_irregular(path: str, write: bool) -> None:
    """Raises StoreError for what is no regular file, the files beside it as well: SQLite would wait for the other end
    of a pipe. What is kept in memory cannot be read from elsewhere."""
    if path == ":memory:" and not write:
        raise StoreError("state is :memory:, nothing is kept that could be read")
    if not (write or os.path.lexists(path)):
        raise StoreError(f"{path}: no such file; a sidecar makes it at its first start")
    for name in (path, *(path + ending for ending in BESIDE)):
        try:
            files.refuse_irregular(name)
        except OSError as error:
            raise StoreError(f"{name}: cannot be used as a state file: {error.strerror}") from error


def ids_of(path: str) -> FileIds:
    """The files at `path` as they are now."""
    status = _status(path)
    stamp = (status.st_mtime_ns, status.st_size) if status else (0, 0)
    return FileIds(_id(status), tuple(_id(_status(path + ending)) for ending in BESIDE), stamp)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _id(status: os.stat_result | None) -> FileId:
    return (status.st_dev, status.st_ino) if status else None


def locked(path: str) -> int:
    """A descriptor that holds the lock beside the file, freed by the kernel however the process ends. Raises
    StoreError: another process has it."""
    beside = f"{path}.lock"
    try:
        files.create(beside)
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: cannot be locked: {files.denied(beside, error)}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(f"{path}: in use by another penumbra") from None
    return lock


def holds(lock: int, path: str) -> bool:
    """Whether a lock is that of the file beside `path`, which may be another one than it was."""
    return _id(os.fstat(lock)) == _id(_status(f"{path}.lock"))


def connected(path: str, write: bool) -> sqlite3.Connection:
    """A connection, whatever the file holds. Raises sqlite3.Error."""
    if write:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    else:
        db = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None)
    db.text_factory = text_or_bytes
    return db


def _made(path: str) -> None:
    """Makes sure that a file is there and, with those beside it, can be written. Raises StoreError."""
    for name in (path, *(path + ending for ending in BESIDE)):
        try:
            if name == path:
                files.create(name, 0o644)
            files.refuse_unwritable(name)
        except OSError as error:
            raise StoreError(f"{name}: cannot be written: {files.denied(name, error)}") from error


def opened(path: str, write: bool) -> sqlite3.Connection:
    """A connection to a file that is ours and whole, or new. Raises StoreError, DamagedFileError for one of ours whose
    pages are damaged."""
    db: sqlite3.Connection | None = None
    if write and path != ":memory:":
        _made(path)
    try:
        db = connected(path, write)
        _recognise(db, path, write)
        if write:
            db.executescript(EXTRAS_SQL)  # before the log: the first page stands in the file, where damage to it shows
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        _sound(db, path)
    except FAULTS as error:
        if db is not None:
            db.close()
        kind = DamagedFileError if bears_our_mark(path) else StoreError
        raise kind(f"{path}: cannot be used as a state file: {error}; {ADVICE}") from error
    except StoreError:
        if db is not None:
            db.close()
        raise
    return db


def bears_our_mark(path: str) -> bool:
    """Whether a file that cannot be opened is one of ours: by SQLite's mark or by ours, since one of them may be what
    is damaged."""
    with suppress(OSError), open(path, "rb") as file:
        head = file.read(100)
        ours = head[68:72] == APPLICATION_ID.to_bytes(4, "big")
        return ours or (head[:16] == b"SQLite format 3\0" and b"audit_no_delete" in file.read(4096))
    return False


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _recognise(db: sqlite3.Connection, path: str, write: bool) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    schema = db.execute("PRAGMA user_version").fetchone()[0]
    objects = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not application and not schema and not objects and write:
        db.executescript(SCHEMA_SQL)
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: is a SQLite file of something else; choose another path for `state`")
    if schema != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has schema {schema}, this Penumbra reads {SCHEMA_VERSION}; use the version that wrote it"
        )
    if gone := TABLES - {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}:
        raise DamagedFileError(f"{path}: is damaged (no table {min(gone)}); {ADVICE}")


_ABOUT_ROWS = re.compile("(NULL|TEXT|NUMERIC) value in |CHECK constraint failed")
"""Findings about the value in a row, which is for whoever reads the row to name."""


def _sound(db: sqlite3.Connection, path: str) -> None:
    full = path == ":memory:" or os.stat(path).st_size <= MAX_FULL_CHECK
    answers = [str(row[0]) for row in db.execute(f"PRAGMA {'integrity' if full else 'quick'}_check(100)")]
    faults = [answer for answer in answers if answer != "ok" and not _ABOUT_ROWS.search(answer)]
    if faults:
        raise DamagedFileError(f"{path}: is damaged ({faults[0]}); {ADVICE}")
