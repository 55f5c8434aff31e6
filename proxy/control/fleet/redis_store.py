"""The store of a fleet in Redis or Valkey.

Keys, all with the hash tag of the fleet (one slot of a cluster):

| key | what it is |
|---|---|
| `leader` | `term|stamp|instance`, for `LEADERSHIP_SECONDS` |
| `term` | the highest term |
| `count:EPOCH:INSTANCE` | hash, for a day: `s` number and `b` body of the newest report, `l` labels taken |
| `members` | sorted set of `EPOCH:INSTANCE` by the server's time of the last report |
| `state` | hash of what is in force: `t` `l` `s` its place, `c` evidence, `b` table; `e` number of the last link |
| `chain` | list of links, hash before body |
| `labels` | stream of labels |

One call at a time on one connection: an answer that is waited for no more must not become the answer to the next call
(redis-py#2633), so whatever ends a call but its answer closes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct
from redis.exceptions import InvalidResponse, RedisClusterException, RedisError

from proxy.contracts.tls import ClientTls
from proxy.control.fleet import redis_scripts
from proxy.control.fleet.address import StoreAddress
from proxy.control.fleet.redis_connection import ANSWER_SECONDS, CALL_SECONDS, Client, StoreConnection
from proxy.control.fleet.redis_faults import FOREIGN_STATE, checked, of_another_type, said
from proxy.control.fleet.redis_scripts import NUMBER_DIGITS
from proxy.control.fleet.store import (
    LABELS_A_REPORT,
    LEADERSHIP_SECONDS,
    LINKS_A_CALL,
    MAX_CHAIN,
    MAX_LABELS,
    REPORT_KEPT_SECONDS,
    Collected,
    CommitResult,
    FollowedTable,
    Heard,
    Leadership,
    Place,
    Report,
    Reported,
    StoreUnavailableError,
    StoreUnfitError,
)
from proxy.release.audit import Link
from proxy.tls.reason import TlsError

TERM_MILLISECONDS = int(LEADERSHIP_SECONDS * 1000)

HASH_CHARACTERS = 64
"""Characters of the hash in front of a link's body."""

_FAULTS = (RedisError, RedisClusterException, TlsError, OSError, TimeoutError, ValueError, OverflowError)
"""What a server, or what stands in its place, brings about."""

Answer = TypeVar("Answer")
Reply = TypeVar("Reply")

_RESULTS: tuple[CommitResult, ...] = ("done", "other_term", "other_place")


class _Held(Struct, array_like=True):
    """The answer of `ACQUIRE`; those of the other scripts below."""

    judge: bytes
    term: bytes
    stamp: bytes


class _Heard(Struct, array_like=True):
    judge: bytes
    term: bytes
    look: bytes
    stamp: bytes
    after: bytes
    labels: list[bytes]
    seconds: bytes
    micros: bytes


class _Members(Struct, array_like=True):
    seconds: bytes
    micros: bytes
    rows: list[bytes]
    term: bytes
    look: bytes
    stamp: bytes
    evidence: bytes | None


class _Result(Struct, array_like=True):
    number: Literal[0, 1, 2]


class _Table(Struct, array_like=True):
    term: bytes = b""
    look: bytes = b""
    stamp: bytes = b""
    body: bytes = b""
    links: list[bytes] = []


class RedisStore:
    """A `FleetStore` behind an address. `name`: that of the fleet; `tls`: how TLS is spoken where the address says that
    it is. Connects with the first call."""

    def __init__(self, address: StoreAddress, name: str, tls: ClientTls | None = None) -> None:
        self._address, self._prefix = address, f"{{penumbra:{name}}}:"
        self._connection = StoreConnection(address, self._prefix, tls)
        self._turn = asyncio.Lock()
        self.warnings: tuple[str, ...] = ()
        """What is wrong with the server for a fleet, though it works; as of the last connection."""

    # -- the calls

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        """As the port says."""
        keys = self._keys("leader", "term", "state")
        script, values = redis_scripts.ACQUIRE, (instance, floor, stamp, TERM_MILLISECONDS)
        return await self._run(_Held, _leadership, script, keys, *values)

    async def report(self, report: Report) -> Heard:
        """As the port says."""
        member = f"{report.epoch}:{report.instance}"
        counted: list[str | bytes | int] = [report.seq, report.body, member, int(REPORT_KEPT_SECONDS)]
        bounds: list[str | int] = [MAX_LABELS, report.labels_before, report.labels_after, LABELS_A_REPORT]
        keys = self._keys(f"count:{member}", "members", "leader", "state", "labels")
        return await self._run(_Heard, _heard, redis_scripts.REPORT, keys, *counted, *bounds, *report.labels)

    async def collect(self, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        """As the port says."""
        return await self._call(lambda client: self._collected(client, known, place))

    async def _collected(self, client: Client, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        found = await _asked(client, _Members, redis_scripts.MEMBERS, self._keys("members", "state"), *place)
        now = _time(found)
        rows = zip(found.rows[::2], found.rows[1::2], strict=True)
        members = [_member(name, at) for name, at in rows if _is_text(name)]
        keys = [f"{self._prefix}count:{epoch}:{instance}" for instance, epoch, _ in members]
        numbers = await self._all(client, keys, "s")
        there = [(*member, int(seq)) for member, seq in zip(members, numbers, strict=True) if seq and _is_number(seq)]
        fresh = [row for row in there if known.get((row[0], row[1])) != row[3]]
        wanted = [f"{self._prefix}count:{epoch}:{instance}" for instance, epoch, _, _ in fresh]
        bodies = dict(zip(((row[0], row[1]) for row in fresh), await self._all(client, wanted, "b"), strict=True))
        reports = tuple(
            Reported(instance, epoch, seq, max(now - at, 0.0), bodies.get((instance, epoch)))
            for instance, epoch, at, seq in sorted(there)
        )
        return Collected(_place(found), found.evidence or None, reports, now)

    async def _all(self, client: Client, keys: Sequence[str], field: str) -> list[bytes | None]:
        """A field of each key; None where there is none, or the key is no report: that costs nobody else a look."""
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hget(key, field)
        found = list(await pipe.execute(raise_on_error=False)) if keys else []
        for fault in found:
            if isinstance(fault, Exception) and not of_another_type(fault):
                raise fault
        return [each if isinstance(each, bytes) else None for each in found]

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        """As the port says."""
        written = [part for link in links for part in (link.body, link.hash)]
        keys = self._keys("leader", "state", "chain")
        script, bounds = redis_scripts.COMMIT, (MAX_CHAIN, end, TERM_MILLISECONDS)
        values: tuple[str | bytes | int, ...] = (*before, *place, evidence, table, *bounds, *written)
        return await self._run(_Result, lambda result: _RESULTS[result.number], script, keys, *values)

    async def table(self, after: int = 0) -> FollowedTable | None:
        """As the port says."""
        keys = self._keys("state", "chain")
        return await self._run(_Table, _followed, redis_scripts.TABLE, keys, after, LINKS_A_CALL)

    def trust(self, tls: ClientTls | None) -> None:
        """As the port says."""
        self._connection.trust(tls)

    async def close(self) -> None:
        """As the port says."""
        await self._connection.close()

    # -- how

    def _keys(self, *names: str) -> list[str]:
        return [self._prefix + name for name in names]

    async def _run(
        self,
        kind: type[Answer],
        read: Callable[[Answer], Reply],
        script: str,
        keys: Sequence[str],
        *values: str | bytes | int,
    ) -> Reply:
        """What an answer says. To read it is a part of the call: numbers that are none are a fault of the store."""

        async def do(client: Client) -> Reply:
            return read(await _asked(client, kind, script, keys, *values))

        return await self._call(do)

    async def _call(self, do: Callable[[Client], Awaitable[Answer]]) -> Answer:
        async with self._turn:
            connection, connecting = self._connection, False
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    if connection.client is not None and await connection.moved():
                        await connection.close()
                    connecting = connection.client is None
                    client = connection.client or await self._opened()
                    connecting = False
                    return await do(client)
            except _FAULTS as error:
                await self._give_up()
                if of_another_type(error):
                    raise StoreUnfitError(FOREIGN_STATE) from error
                raise StoreUnavailableError(said(error, self._address, connecting)) from error
            except BaseException:
                await self._give_up()
                raise

    async def _opened(self) -> Client:
        client, facts = await self._connection.open()
        self.warnings = checked(facts)
        return client

    async def _give_up(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.close()
        except (RedisError, OSError, TimeoutError):
            pass  # it is gone already


async def _asked(
    client: Client, kind: type[Answer], script: str, keys: Sequence[str], *values: str | bytes | int
) -> Answer:
    """The answer of a script. Raises InvalidResponse where it is none that Redis would give."""
    try:
        return msgspec.convert(await client.eval(script, len(keys), *keys, *values), kind)
    except msgspec.ValidationError as error:
        raise InvalidResponse(str(error)) from error


def _leadership(held: _Held) -> Leadership:
    return Leadership(_text(held.judge), int(held.term), _text(held.stamp))


def _heard(heard: _Heard) -> Heard:
    return Heard(_text(heard.judge), _place(heard), tuple(heard.labels), _text(heard.after), _time(heard))


def _followed(found: _Table) -> FollowedTable | None:
    return FollowedTable(_place(found), found.body, tuple(map(_link, found.links))) if found.term else None


def _member(name: bytes, at: bytes) -> tuple[str, str, float]:
    epoch, _, instance = name.decode().partition(":")
    return instance, epoch, float(at)


def _time(found: _Heard | _Members) -> float:
    """Unix seconds by the server's clock."""
    return int(found.seconds) + int(found.micros) / 1e6


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _is_text(name: bytes) -> bool:
    return _text(name).encode() == name


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < NUMBER_DIGITS


def _place(found: _Heard | _Members | _Table) -> Place:
    """Raises StoreUnfitError where that is none: nothing in the store can be told from what another program wrote."""
    if not (_is_number(found.term) and _is_number(found.look) and _is_text(found.stamp)):
        raise StoreUnfitError(FOREIGN_STATE)
    return int(found.term), int(found.look), _text(found.stamp)


def _link(row: bytes) -> Link:
    text = _text(row)
    return Link(text[HASH_CHARACTERS:], text[:HASH_CHARACTERS])
