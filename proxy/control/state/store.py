"""Live states and the audit chain in one SQLite file.

- One transaction holds a change of state, its audit entries and the new table revision: all or nothing, durable when
  `save` returns (WAL, synchronous=FULL).
- Audit rows can be added, never changed: triggers refuse it.
- A file that is damaged, foreign or of another schema is refused with a sentence; nothing is dropped silently.
- One process writes: a lock beside the file (freed by the kernel however the process ends) refuses a second one.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from proxy import files
from proxy.contracts.release import RouteState
from proxy.release.audit import GENESIS, Change, Link, seal

APPLICATION_ID = 0x50454E55
"""SQLite's application_id of our files: "PENU"."""
SCHEMA_VERSION = 1

_MEMORY_SQL = "CREATE TABLE IF NOT EXISTS memory (route TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"
"""No part of the schema: a file without it is as good, and a Penumbra that does not know it leaves it alone."""

_SCHEMA_SQL = f"""
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


class StoreError(Exception):
    """The state file cannot be used, or a change could not be written; the message says which and why."""


class ChainHead(Struct, frozen=True):
    """The newest table revision, and the number and last hash of the audit entries."""

    revision: int
    count: int
    hash: str


class Store:
    """Opens or creates the state file at `path` (":memory:" keeps nothing). Raises StoreError."""

    def __init__(self, path: str, *, write: bool = True) -> None:
        self._path, self.durable = path, path != ":memory:"
        _refuse_irregular(path)
        self._lock = _locked(path) if write and self.durable else None
        try:
            self._db = _open(path, write)
            self.head = self._check()
        except BaseException:
            self._unlock()
            raise

    def close(self) -> None:
        """Closes the file and frees its lock."""
        self._db.close()
        self._unlock()

    def states(self) -> dict[str, RouteState]:
        """The live state of every route that ever had one. Raises StoreError."""
        with self._errors("read"):
            rows = self._db.execute("SELECT route, body FROM states").fetchall()
        try:
            return {route: msgspec.json.decode(body, type=RouteState) for route, body in rows}
        except msgspec.MsgspecError as error:
            raise StoreError(f"{self._path}: a live state cannot be read ({error}); {_ADVICE}") from error

    def save(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        """Writes states, audit entries and revision in one transaction. Raises StoreError: nothing was written."""
        count, last = self.head.count, self.head.hash
        links: list[tuple[int, str, Link]] = []
        for change in changes:
            count += 1
            link = seal(change, count, last, now)
            links.append((count, change.route, link))
            last = link.hash
        with self._errors("written"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO states VALUES (?, ?) ON CONFLICT (route) DO UPDATE SET body = excluded.body",
                [(state.route, msgspec.json.encode(state)) for state in states],
            )
            self._db.executemany(
                "INSERT INTO audit VALUES (?, ?, ?, ?)", [(n, route, link.body, link.hash) for n, route, link in links]
            )
            self._db.execute("UPDATE head SET revision = ?, count = ?, hash = ?", (revision, count, last))
        self.head = ChainHead(revision, count, last)

    def remember(self, rows: Mapping[str, bytes]) -> None:
        """Replaces what is remembered of all routes. A power cut may take it, and only it: nothing waits for the disk.
        Raises StoreError: what was remembered before still is."""
        with self._errors("written"), self._unsynced(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM memory")
            self._db.executemany("INSERT INTO memory VALUES (?, ?)", rows.items())

    def remembered(self) -> dict[str, bytes]:
        """The last evidence snapshot of each route."""
        with self._errors("read"):
            return dict(self._db.execute("SELECT route, body FROM memory").fetchall())

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._db.execute("PRAGMA synchronous = FULL")

    def audit(self, after: int = 0, limit: int = 100, route: str | None = None) -> list[Link]:
        """Links with seq > `after`, oldest first, at most `limit`."""
        where, values = ("seq > ? AND route = ?", (after, route)) if route else ("seq > ?", (after,))
        with self._errors("read"):
            rows = self._db.execute(
                f"SELECT body, hash FROM audit WHERE {where} ORDER BY seq LIMIT ?", (*values, limit)
            ).fetchall()
        return [Link(*row) for row in rows]

    def newest(self, limit: int = 100, route: str | None = None) -> list[Link]:
        """The newest `limit` links, newest first."""
        where, values = ("WHERE route = ?", (route,)) if route else ("", ())
        with self._errors("read"):
            rows = self._db.execute(
                f"SELECT body, hash FROM audit {where} ORDER BY seq DESC LIMIT ?", (*values, limit)
            ).fetchall()
        return [Link(*row) for row in rows]

    def chain(self) -> Iterator[Link]:
        """All links, in the order of their numbers."""
        with self._errors("read"):
            for row in self._db.execute("SELECT body, hash FROM audit ORDER BY seq"):
                yield Link(*row)

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: could not be {verb}: {error}") from error

    def _check(self) -> ChainHead:
        with self._errors("read"):
            row = self._db.execute("SELECT revision, count, hash FROM head").fetchone()
            last = self._db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        if row is None or (last or (0, GENESIS)) != row[1:]:
            raise StoreError(f"{self._path}: the end of the audit chain is not what its head says; {_ADVICE}")
        return ChainHead(*row)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_ADVICE = "restore it from a backup, or move it away to begin anew"


def _refuse_irregular(path: str) -> None:
    try:
        files.refuse_irregular(path)  # SQLite would wait for the other end of a pipe
    except OSError as error:
        raise StoreError(f"{path}: cannot be used as a state file: {error.strerror}") from error


def _locked(path: str) -> int:
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(f"{path}: in use by another penumbra") from None
    return lock


def _open(path: str, write: bool) -> sqlite3.Connection:
    db: sqlite3.Connection | None = None
    try:
        if write:
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        else:
            db = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None)
        _recognise(db, path, write)
        if write:
            db.execute(_MEMORY_SQL)  # before the log: the first page stands in the file, where damage to it shows
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        _sound(db, path)
    except sqlite3.Error as error:
        if db is not None:
            db.close()
        raise StoreError(f"{path}: cannot be used as a state file: {error}; {_ADVICE}") from error
    except StoreError:
        if db is not None:
            db.close()
        raise
    return db


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _recognise(db: sqlite3.Connection, path: str, write: bool) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    schema = db.execute("PRAGMA user_version").fetchone()[0]
    objects = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not application and not schema and not objects and write:
        db.executescript(_SCHEMA_SQL)
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: is a SQLite file of something else; choose another path for `state`")
    if schema != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has schema {schema}, this Penumbra reads {SCHEMA_VERSION}; use the version that wrote it"
        )


def _sound(db: sqlite3.Connection, path: str) -> None:
    answer = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise StoreError(f"{path}: is damaged ({answer}); {_ADVICE}")
