"""Live states and the audit chain in one SQLite file.

- One transaction holds a change of state, its audit entries and the new table revision: all or nothing, durable when
  `save` returns (WAL, synchronous=FULL), which is proved: the file at the path is the open one, and a second connection
  reads back what was written. A file that has vanished is written anew; what stands in its place is left alone.
- Audit rows can be added, never changed: triggers refuse it.
- A row that does not decode is named, kept in the table `quarantine`, and costs nothing else. Damaged pages are
  salvaged (`salvage`). A file that is none of ours, or of another schema, is refused with a sentence.
- One process writes: a lock beside the file (freed by the kernel however the process ends) refuses a second one.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress

import msgspec

from proxy.contracts.bounds import clipped, writable
from proxy.contracts.release import RouteState
from proxy.control.state import salvage
from proxy.control.state.rows import ChainHead, DamagedRow, among, head_of, link_of, state_of, text_of, with_room
from proxy.control.state.state_file import (
    ADVICE,
    BESIDE,
    FAULTS,
    SCHEMA_SQL,
    DamagedFileError,
    StoreError,
    connected,
    holds,
    ids_of,
    locked,
    opened,
    refuse_irregular,
)
from proxy.release.audit import GENESIS, Change, Link, digest, entry_of, legible, seal, undone_by

log = logging.getLogger("penumbra.engine")

MAX_QUARANTINED = 1000
"""Rows that the quarantine keeps; the oldest go."""
MAX_QUARANTINED_BODY = 65_536
"""Bytes that it keeps of a row."""


class Store:
    """Opens or creates the state file at `path` (":memory:" keeps nothing). Raises StoreError.

    - `head`: the end of the chain, which the next entry follows
    - `faults`: what is wrong with the file as a whole, sentences for people; [] where nothing is
    - `renewed`: how often the file had vanished, and was written anew
    - `damaged`: rows that could not be read since the start
    """

    def __init__(self, path: str, *, write: bool = True) -> None:
        self._path, self.durable, self._write = path, path != ":memory:", write
        self.faults: list[str] = []
        self.salvaged = False
        self.renewed = self.damaged = 0
        self._bodies: dict[str, bytes] = {}
        refuse_irregular(path, write)
        self._lock = locked(path) if write and self.durable else None
        try:
            self._db = self._opened()
            self._ids = ids_of(path)
            self.head = self._end_of_chain()
        except BaseException:
            self._unlock()
            raise

    def close(self) -> None:
        """Closes the file and frees its lock."""
        self._db.close()
        self._unlock()

    # -- reading

    def states(self) -> dict[str, RouteState]:
        """The live state of every route that ever had one, as far as its row can be read. Raises StoreError."""
        return {row.route: row for row in self.state_rows() if isinstance(row, RouteState)}

    def state_rows(self) -> list[RouteState | DamagedRow]:
        """The rows of live states; those that cannot be read go into the quarantine. Raises StoreError."""
        with self._errors("read"):
            stored = self._db.execute("SELECT route, body FROM states").fetchall()
        rows = [state_of(route, body) for route, body in stored]
        for (key, _), row in zip(stored, rows, strict=True):
            if isinstance(row, DamagedRow):
                self.quarantine(row)
                with suppress(StoreError), self._errors("written"):
                    self._db.execute("DELETE FROM states WHERE route IS ?", (key,)) if self._write else None
        return rows

    def remembered(self) -> dict[str, bytes]:
        """The last evidence snapshot of each route, as far as it can be read: a start can do without."""
        rows: list[tuple[object, object]] = []
        with suppress(*FAULTS):
            rows = self._db.execute("SELECT route, body FROM memory").fetchall()
        return {route: body for route, body in rows if isinstance(route, str) and isinstance(body, bytes)}

    def quarantined(self) -> list[tuple[str, str, str]]:
        """The rows in quarantine, oldest first: table, name, reason."""
        with self._errors("read"):
            rows = self._db.execute("SELECT place, name, why FROM quarantine ORDER BY id").fetchall()
        return [(text_of(place), text_of(name), text_of(why)) for place, name, why in rows]

    def audit(self, after: int = 0, limit: int = 100, *names: str) -> list[Link]:
        """Links with seq > `after`, oldest first, at most `limit`, of these routes and releases, without any of all;
        one that cannot be read says so in its place."""
        return self._links(f"WHERE seq > ?{among(names)} ORDER BY seq LIMIT ?", (after, *names, limit))

    def newest(self, limit: int = 100, *names: str) -> list[Link]:
        """The newest `limit` links, newest first; likewise."""
        return self._links(f"WHERE TRUE{among(names)} ORDER BY seq DESC LIMIT ?", (*names, limit))

    def _links(self, clause: str, values: tuple[object, ...]) -> list[Link]:
        with self._errors("read"):
            rows = self._db.execute(f"SELECT seq, route, body, hash FROM audit {clause}", values).fetchall()
        return [legible(seq, text_of(route), link_of(body, digest)) for seq, route, body, digest in rows]

    def chain(self) -> Iterator[Link]:
        """All links as they are, in the order of their numbers."""
        with self._errors("read"):
            for body, digest in self._db.execute("SELECT body, hash FROM audit ORDER BY seq"):
                yield link_of(body, digest)

    def end_of_chain(self, limit: int) -> Iterator[tuple[int, str, Link]]:
        """The newest `limit` links as they are, oldest first, each with its number and the route of its row."""
        sql = "SELECT seq, route, body, hash FROM audit WHERE seq > (SELECT max(seq) FROM audit) - ? ORDER BY seq"
        with self._errors("read"):
            for seq, route, *link in self._db.execute(sql, (limit,)):
                yield seq, text_of(route), link_of(*link)

    def kept_head(self) -> ChainHead | DamagedRow:
        """The head of the chain as it stands in the file."""
        with self._errors("read"):
            return head_of(self._db.execute("SELECT revision, count, hash FROM head").fetchone())

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """While it lasts, everything that is read is of one moment. Raises StoreError."""
        with self._errors("read"):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    # -- writing

    def save(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        """Writes states, audit entries and revision in one transaction, and proves that they are there. Raises
        StoreError: nothing was written."""
        states, changes = tuple(states), tuple(changes)
        self.attend()
        bodies = {state.route: msgspec.json.encode(state) for state in states}
        before, table = {route: self._bodies.get(route) for route in bodies}, self.head.revision
        self._put(bodies, changes, revision, now)
        try:
            self.attend()
            self._prove()
        except StoreError:
            self._withdraw(before, changes, table, now)
            raise

    def _put(self, bodies: Mapping[str, bytes], changes: Iterable[Change], revision: int, now: float) -> None:
        count, last = self.head.count, self.head.hash
        links: list[tuple[int, str, str, str]] = []
        for change in changes:
            count += 1
            link = seal(change, count, last, now)
            links.append((count, change.route, link.body, link.hash))
            last = link.hash
        self._append(bodies, links, ChainHead(revision, count, last))
        self._bodies.update(bodies)

    def _append(self, bodies: Mapping[str, bytes], links: Iterable[tuple[int, str, str, str]], head: ChainHead) -> None:
        with self._errors("written"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO states VALUES (?, ?) ON CONFLICT (route) DO UPDATE SET body = excluded.body",
                bodies.items(),
            )
            self._db.executemany("INSERT INTO audit VALUES (?, ?, ?, ?)", links)
            self._db.execute(
                "INSERT INTO head VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET "
                "revision = excluded.revision, count = excluded.count, hash = excluded.hash",
                (head.revision, head.count, head.hash),
            )
        self.head = head
        self._know_again()

    def mirror(self, links: Sequence[Link]) -> None:
        """Appends entries of a chain that was sealed elsewhere. Raises StoreError: nothing was written."""
        rows = [(entry.seq, entry.route, link.body, link.hash) for link in links for entry in (entry_of(link),)]
        self._append({}, rows, ChainHead(self.head.revision, rows[-1][0], rows[-1][3]))

    def _withdraw(self, before: Mapping[str, bytes | None], changes: Iterable[Change], table: int, now: float) -> None:
        """Takes back what is in the open file and in no other: were it copied later, a change that was refused would
        be in force. `table`: revision of that in force; the next one has the refused one's."""
        kept = {route: body for route, body in before.items() if body is not None}
        undone = [undone_by(c, f"{c.action} could not be proved stored") for c in changes]
        with suppress(StoreError):
            self._put(kept, undone, table, now)

    def remember(self, rows: Mapping[str, bytes], clock: tuple[float, float, str] | None = None) -> None:
        """Replaces what is remembered of all routes, and the reading of the clock. A power cut may take it, and only
        it: nothing waits for the disk. Raises StoreError: what was remembered before still is."""
        self.attend()
        with self._errors("written"), self._unsynced(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM memory")
            self._db.executemany("INSERT INTO memory VALUES (?, ?)", rows.items())
            if clock:
                self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", clock)
        self._know_again()

    def clock(self) -> tuple[object, object, object] | None:
        """The last reading of the clock, as `remember` was given it; None without one that can be read."""
        row: tuple[object, object, object] | None = None
        with suppress(*FAULTS):
            row = self._db.execute("SELECT now, boot, boot_id FROM clock").fetchone()
        return row

    def quarantine(self, row: DamagedRow, now: float = 0.0) -> None:
        """Keeps a row that cannot be read, names it in the log, and counts it."""
        self.damaged += 1
        name, why = writable(clipped(row.name, 200)), writable(clipped(row.why, 500))
        log.error("the state file's row %s of %s is damaged and not used: %s", name, row.table, why)
        if not self._write:
            return
        with suppress(StoreError), self._errors("written"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            values = (now, row.table, name, why, row.body[:MAX_QUARANTINED_BODY])
            self._db.execute("INSERT INTO quarantine (at, place, name, why, body) VALUES (?, ?, ?, ?, ?)", values)
            self._db.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MAX_QUARANTINED,)
            )

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA synchronous = FULL")

    # -- is it the file that it was?

    def attend(self) -> None:
        """Sees to it that the file at the path is the open one; one that has vanished is written anew. Raises
        StoreError: another file stands in its place, or it cannot be written."""
        if not (self.durable and self._write):
            return
        self._lock_again()
        now, was = ids_of(self._path), self._ids
        if now.main is None:
            self._renew()
        elif now.main != was.main:
            raise StoreError(
                f"{self._path}: another file stands in its place; restart Penumbra to use that one, or move it away"
            )
        elif was.lost_beside(now):
            self._rejoin()
        elif now.stamp != was.stamp:
            self._inspect()

    def _know_again(self) -> None:
        """Takes the files as ours that a write of our own has made or moved on; which file it is stays known."""
        now, was = ids_of(self._path), self._ids
        if now.main == was.main and not was.lost_beside(now):
            self._ids = now

    def _inspect(self) -> None:
        """Another program has written into the file: it is still ours, or of no use."""
        with self._errors("written"):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try:
            opened(self._path, False).close()
        except StoreError as error:
            raise StoreError(f"{self._path}: another program has written into it: {error}") from error
        self._prove()
        self._ids = ids_of(self._path)

    def _prove(self) -> None:
        """Reads the head back by a connection of its own, as the next process would. Raises StoreError."""
        if not self.durable:
            return
        with self._errors("read back"), closing(connected(self._path, False)) as other:
            found = head_of(other.execute("SELECT revision, count, hash FROM head").fetchone())
        if found != self.head:
            raise StoreError(f"{self._path}: what was written cannot be read back: another file, or another writer")

    def _renew(self) -> None:
        """Writes everything into a new file at the path, where there is none."""
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644))
        except OSError as error:
            gone = "the file was deleted or moved, and cannot be written anew"
            raise StoreError(f"{self._path}: {gone}: {error.strerror}") from error
        self._remove_beside()
        try:
            self._copy_to(self._path)
            self._reopen()
        except (sqlite3.Error, StoreError) as error:
            with suppress(OSError):
                os.unlink(self._path)
            raise StoreError(f"{self._path}: the file was deleted, and cannot be written anew: {error}") from error
        self.renewed += 1
        log.error("%s: the file was deleted or moved; everything was written into a new one", self._path)

    def _copy_to(self, path: str) -> None:
        with closing(sqlite3.connect(path)) as target, suppress(sqlite3.Error):
            self._db.backup(target)
            if target.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
                return
        log.error("%s: only the live states could be saved of it, the audit begins anew", path)
        os.truncate(path, 0)
        with closing(connected(path, True)) as target:
            target.executescript(SCHEMA_SQL)
            target.executemany("INSERT INTO states VALUES (?, ?)", self._bodies.items())
        self.head = ChainHead(0, 0, GENESIS)

    def _rejoin(self) -> None:
        """The log beside the file was removed: what it held goes into the file, and a new log is begun."""
        with self._errors("written"):
            if self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StoreError(f"{self._path}: the log beside it was removed, and it is in use")
        self._remove_beside()
        self._reopen()
        self.renewed += 1
        log.error("%s: a file beside it was removed; nothing is lost, and it was opened anew", self._path)

    def _reopen(self) -> None:
        # In this order: the old connection removes the log by its name, which would be the new one's.
        self._db.close()
        self._db = opened(self._path, True)
        self._ids = ids_of(self._path)

    def _remove_beside(self) -> None:
        for ending in BESIDE:
            with suppress(OSError):
                os.unlink(self._path + ending)

    def _lock_again(self) -> None:
        if self._lock is not None and not holds(self._lock, self._path):
            held, self._lock = self._lock, locked(self._path)
            os.close(held)

    # -- how

    def _opened(self) -> sqlite3.Connection:
        try:
            return opened(self._path, self._write)
        except DamagedFileError as error:
            if not self._write:
                raise
            log.error("%s; what can be read goes into a new file", str(error).removesuffix(f"; {ADVICE}"))
        self.salvaged = True
        self.faults.append(salvage.salvaged(self._path))
        log.error("%s", self.faults[-1])
        return opened(self._path, True)

    def _end_of_chain(self) -> ChainHead:
        """Where the chain goes on: after its head, or where that cannot be, after its last entry."""
        head = with_room(self.kept_head())
        with self._errors("read"):
            row = self._db.execute("SELECT seq, body, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        count, body, kept = (row[0], text_of(row[1]), text_of(row[2])) if row else (0, "", GENESIS)
        if isinstance(head, DamagedRow):
            self.quarantine(head)
            self._fault("the head of the audit chain cannot be read; the chain goes on after its last entry")
            return ChainHead(0, count, digest(body) if row else GENESIS)
        if (head.count, head.hash) == (count, kept):
            return head
        self._fault(f"the end of the audit chain (entry {count}) is not what its head says (entry {head.count})")
        return head if head.count >= count else ChainHead(head.revision, count, digest(body))

    def _fault(self, sentence: str) -> None:
        self.faults.append(sentence)
        if self._write:
            log.error("%s: %s", self._path, sentence)

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (*FAULTS, OverflowError, OSError) as error:
            raise StoreError(f"{self._path}: could not be {verb}: {error}") from error

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
