"""Blocks of steps on disk: a SQLite file beside the state file, which nothing waits for.

- It is written some seconds late and without a sync for each write: what a crash takes is seconds of history. The
  block that is under way is in it too, in a table of its own, and becomes one of the others at the next start.
- Steps are let go by age, counted by the clock of durations, which no wall clock moves; when the file is full the
  oldest go, whatever their age.
- Steps that are ahead of the wall clock (it was set back) are let go at the start: nobody can tell when they were.
  Longer steps that are not over are made anew.
- A file that is damaged is put aside, and another one begun; of a block that cannot be read only its stretch is lost.
  A file of something else, or of another version, is left as it is, and not used.
- After an error, but for a full disk, the file is closed: the next call looks at it as if it were new.

All methods may block, and belong into one thread at a time. They raise ArchiveError.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

from proxy import files
from proxy.control.history.shelf import Block
from proxy.control.history.steps import TimeStep, encode, joined, packed, unpacked
from proxy.control.history.tiers import SECONDS, TIERS, Tier

log = logging.getLogger("penumbra.history")

APPLICATION_ID = 0x50454E48
SCHEMA_VERSION = 1

SCHEMA_SQL = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE blocks (
    step INTEGER NOT NULL, route TEXT NOT NULL, start INTEGER NOT NULL, made REAL NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (step, route, start)
) WITHOUT ROWID;
CREATE INDEX by_age ON blocks (step, made);
CREATE TABLE opened (route TEXT NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL);
"""
PROBE_SQL = "SELECT b.step, b.route, b.start, b.made, b.body, o.route, o.start, o.body FROM blocks b, opened o LIMIT 0"
"""What a file can answer that has these tables."""

LOG_BYTES = 4 << 20
"""Bytes of SQLite's log beside the file, which come to its bound."""
CACHE_KIB = 256
"""KiB of memory that SQLite has for pages; its usual two megabytes are for other uses."""
LEAST_PAGES = 64
"""Pages that the file may have whatever its bound."""
BUSY_SECONDS = 1.0
"""Seconds that a lock of another program is waited for: less than whoever waits for the disk has patience."""
FULL = 0.9
"""Part of its bound from which on the oldest steps are let go."""
LET_GO = 0.05
"""Part of the steps that go at once."""
ASIDE = ".damaged"
"""Ending of the name under which a damaged file is put aside; one before it goes."""
BESIDE = ("-wal", "-shm", "-journal")


class ArchiveError(Exception):
    """The file cannot be used, read or written; the message says why."""


class StepArchive:
    """The file at `path`; `limit`: bytes that it may take."""

    def __init__(self, path: str, limit: int) -> None:
        self._path, self.limit = path, limit
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self.size = 0
        """Bytes on disk when it was used last, SQLite's log included; 0: there is none."""
        self.let_go = 0
        """Blocks that went because the file was full. Monotone."""

    def begin(self, unix: int, now: float) -> list[Block]:
        """Opens the file, makes the longer steps that an end before their time kept from being made, and returns the
        blocks of those that are not over. `unix`: seconds by the wall clock; `now`: by the clock of durations."""
        with self._use("read") as db, db:
            db.execute("BEGIN IMMEDIATE")
            return _caught_up(db, unix, now)

    def write(self, blocks: Iterable[Block], opened: Iterable[Block], now: float) -> None:
        """Stores blocks, and those that are under way in place of the ones of before; all or none."""
        with self._use("written") as db, db:
            self._make_room(db)
            db.execute("BEGIN IMMEDIATE")
            for block in blocks:
                _put(db, block, now)
            db.execute("DELETE FROM opened")
            rows = [(block.route, block.start, block.body) for block in opened]
            db.executemany("INSERT INTO opened VALUES (?, ?, ?)", rows)

    def trim(self, oldest: dict[int, float]) -> None:
        """Lets go of steps that were made before `oldest`, by tier in seconds, and of the oldest where there is no
        room."""
        with self._use("trimmed") as db:
            for step, before in oldest.items():
                db.execute("DELETE FROM blocks WHERE step = ? AND made < ?", (step, before))
            self._make_room(db)
            db.execute("PRAGMA incremental_vacuum")

    def read(self, step: int, route: str, start: int, end: int) -> list[Block]:
        """The blocks of a route in a tier that begin from `start` on and before `end`."""
        text = "SELECT start, body FROM blocks WHERE step = ? AND route = ? AND start >= ? AND start < ? ORDER BY start"
        with self._use("read") as db:
            rows = db.execute(text, (step, route, start, end)).fetchall()
        return [Block(step, route, begin, body, stored=True) for begin, body in rows]

    def close(self) -> None:
        """Closes the file."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
            self.size = _size(self._path)

    # -- how

    @contextmanager
    def _use(self, what: str) -> Iterator[sqlite3.Connection]:
        try:
            yield self._opened()
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                self.close()
            raise ArchiveError(f"{self._path}: cannot be {what}: {error}") from error
        finally:
            self.size = _size(self._path)

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and _id(self._path) == self._file:
            return self._db
        self.close()  # somebody took the file away: what is written to it would be lost
        try:
            files.refuse_irregular(self._path)
            self._db = self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise ArchiveError(f"{self._path}: cannot be opened: {error}") from error
            self._put_aside(error)
            self._db = self._connect()
        except OSError as error:
            raise ArchiveError(f"{self._path}: cannot be opened: {error.strerror}") from error
        self._file = _id(self._path)
        return self._db

    def _connect(self) -> sqlite3.Connection:
        files.create(self._path, 0o644)
        db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.text_factory = _text
        try:
            self._recognise(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            _bound(db, self.limit)
            if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(found)
            _probe(db)
        except BaseException:
            db.close()
            raise
        return db

    def _recognise(self, db: sqlite3.Connection) -> None:
        application, version = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if not application and not version and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(SCHEMA_SQL)
        elif application != APPLICATION_ID:
            raise ArchiveError(f"{self._path}: is a SQLite file of something else, and is not touched")
        elif version != SCHEMA_VERSION:
            raise ArchiveError(
                f"{self._path}: has schema {version}, this Penumbra reads {SCHEMA_VERSION}: use the version that wrote "
                "it, or move the file away"
            )

    def _put_aside(self, error: Exception) -> None:
        aside = self._path + ASIDE
        log.warning("%s is damaged (%s): it is put aside as %s, and another one begun", self._path, error, aside)
        try:
            os.replace(self._path, aside)
        except OSError as why:
            raise ArchiveError(f"{self._path}: is damaged, and cannot be put aside: {why.strerror}") from why
        for ending in BESIDE:
            with suppress(OSError):
                os.unlink(self._path + ending)

    def _make_room(self, db: sqlite3.Connection) -> None:
        most = _bound(db, self.limit)
        pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        if pages - free <= FULL * most:
            return
        count = db.execute("SELECT count(*) FROM blocks").fetchone()[0]
        part = max(int(count * max(LET_GO, 1.0 - FULL * most / (pages - free))), 1)
        oldest = "SELECT step, route, start FROM blocks ORDER BY made LIMIT ?"
        self.let_go += db.execute(f"DELETE FROM blocks WHERE (step, route, start) IN ({oldest})", (part,)).rowcount


def _size(path: str) -> int:
    found = 0
    for ending in ("", *BESIDE):
        with suppress(OSError):
            found += os.stat(path + ending).st_size
    return found


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _bound(db: sqlite3.Connection, limit: int) -> int:
    """Bounds the file; returns the pages that it may have."""
    most = max(limit // int(db.execute("PRAGMA page_size").fetchone()[0]), LEAST_PAGES)
    db.execute(f"PRAGMA max_page_count = {most}")
    return most


def _probe(db: sqlite3.Connection) -> None:
    try:
        db.execute(PROBE_SQL)
    except sqlite3.OperationalError as error:
        raise sqlite3.DatabaseError(str(error)) from error


def _caught_up(db: sqlite3.Connection, unix: int, now: float) -> list[Block]:
    for route, start, body in db.execute("SELECT route, start, body FROM opened").fetchall():
        _put(db, Block(SECONDS.step, route, start, body), now)
    db.execute("DELETE FROM opened")
    db.execute(
        "UPDATE blocks SET made = :now WHERE made > :now", {"now": now}
    )  # of a clock that was lost with its file
    _forget_ahead(db, unix)
    for finer, tier in pairwise(TIERS):
        _join_all(db, finer, tier, unix)
    found: list[Block] = []
    for finer, tier in pairwise(TIERS):
        text = "SELECT route, start, body FROM blocks WHERE step = ? AND start >= ? ORDER BY start"
        rows = db.execute(text, (finer.step, unix - unix % tier.step))
        found += [Block(finer.step, route, start, body, stored=True) for route, start, body in rows]
    return found


def _forget_ahead(db: sqlite3.Connection, unix: int) -> None:
    ahead = db.execute("DELETE FROM blocks WHERE start > ?", (unix,)).rowcount
    for tier in TIERS[1:]:
        db.execute("DELETE FROM blocks WHERE step = ? AND start >= ?", (tier.step, unix - unix % tier.step))
    if ahead:
        log.warning("%d blocks of history are ahead of the clock, and are let go", ahead)


def _put(db: sqlite3.Connection, block: Block, now: float) -> None:
    """Stores a block, joined with what an earlier process stored of the same stretch."""
    key = (block.step, block.route, block.start)
    before = db.execute("SELECT body FROM blocks WHERE step = ? AND route = ? AND start = ?", key).fetchone()
    body = block.body if before is None else merged(before[0], block.body, block.step)
    db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?)", (*key, now, body))


def merged(one: bytes, other: bytes, step: int) -> bytes:
    """Two blocks of one stretch as one; one that cannot be read has nothing."""
    steps = [each for body in (one, other) for each in _readable(body)]
    return packed([encode(each) for each in joined(steps, step)])


def _readable(body: bytes) -> list[TimeStep]:
    try:
        return unpacked(body)
    except ValueError:
        return []


def _join_all(db: sqlite3.Connection, finer: Tier, tier: Tier, unix: int) -> None:
    """Makes the steps of a tier that are over and were not made, of those that are there of the finer one."""
    text = (
        "SELECT DISTINCT route, start - start % :long FROM blocks AS b WHERE step = :short AND start < :now "
        "AND NOT EXISTS (SELECT 1 FROM blocks AS c WHERE c.step = :long AND c.route = b.route "
        "AND c.start = b.start - b.start % :long)"
    )
    names = {"long": tier.step, "short": finer.step, "now": unix - unix % tier.step}
    for route, start in db.execute(text, names).fetchall():
        where = (finer.step, route, start, start + tier.step)
        rows = db.execute(
            "SELECT body, made FROM blocks WHERE step = ? AND route = ? AND start >= ? AND start < ?", where
        ).fetchall()
        made = max(made for _, made in rows)
        for step in joined((each for body, _ in rows for each in _readable(body)), tier.step):
            db.execute(
                "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?)",
                (tier.step, route, start, made, packed([encode(step)])),
            )


def _id(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
