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
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from proxy.control.fleet import redis_scripts
from proxy.control.fleet.address import StoreAddress
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

CALL_SECONDS = 1.0
"""Time that one call may take, a new connection included; calls come once a second."""

LEAST_VERSION = (6, 2)
"""Exclusive ranges of streams came with it."""

TERM_MILLISECONDS = int(LEADERSHIP_SECONDS * 1000)

NUMBER_DIGITS = 15
"""Digits of a number that the scripts keep exactly."""

HASH_CHARACTERS = 64
"""Characters of the hash in front of a link's body."""

Client = Redis | RedisCluster
Answer = TypeVar("Answer")

_RESULTS: tuple[CommitResult, ...] = ("done", "other_term", "other_place")


class RedisStore:
    """A `FleetStore` behind an address. `name`: that of the fleet. Connects with the first call."""

    def __init__(self, address: StoreAddress, name: str) -> None:
        self._address, self._prefix = address, f"{{penumbra:{name}}}:"
        self._client: Client | None = None
        self._turn = asyncio.Lock()
        self.warnings: tuple[str, ...] = ()
        """What is wrong with the server for a fleet, though it works; as of the last connection."""

    # -- the calls

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        """As the port says."""
        keys = self._keys("leader", "term", "state")
        judge, term, held = await self._run(redis_scripts.ACQUIRE, keys, instance, floor, stamp, TERM_MILLISECONDS)
        return Leadership(judge.decode(), int(term), held.decode())

    async def report(self, report: Report) -> Heard:
        """As the port says."""
        member = f"{report.epoch}:{report.instance}"
        counted: list[str | bytes | int] = [report.seq, report.body, member, int(REPORT_KEPT_SECONDS)]
        bounds: list[str | int] = [MAX_LABELS, report.labels_before, report.labels_after, LABELS_A_REPORT]
        keys = self._keys(f"count:{member}", "members", "leader", "state", "labels")
        answer = await self._run(redis_scripts.REPORT, keys, *counted, *bounds, *report.labels)
        judge, term, look, stamp, after, labels = answer
        return Heard(judge.decode(), _place(term, look, stamp), tuple(labels), after.decode())

    async def collect(self, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        """As the port says."""
        return await self._call(lambda client: self._collected(client, known, place))

    async def _collected(self, client: Client, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        found = await client.eval(redis_scripts.MEMBERS, 2, *self._keys("members", "state"), *place)
        seconds, micros, rows, term, look, stamp, evidence = found
        now = int(seconds) + int(micros) / 1e6
        members = [_member(name, at) for name, at in zip(rows[::2], rows[1::2], strict=True) if _is_text(name)]
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
        return Collected(_place(term, look, stamp), evidence or None, reports)

    async def _all(self, client: Client, keys: Sequence[str], field: str) -> list[bytes | None]:
        """A field of each key; None where there is none, or the key is no report: that costs nobody else a look."""
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hget(key, field)
        found = list(await pipe.execute(raise_on_error=False)) if keys else []
        for fault in found:
            if isinstance(fault, Exception) and not _is_other_type(fault):
                raise fault
        return [None if isinstance(each, Exception) else each for each in found]

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        """As the port says."""
        written = [part for link in links for part in (link.body, link.hash)]
        keys = self._keys("leader", "state", "chain")
        script, bounds = redis_scripts.COMMIT, (MAX_CHAIN, end, TERM_MILLISECONDS)
        result = await self._run(script, keys, *before, *place, evidence, table, *bounds, *written)
        return _RESULTS[int(result)]

    async def table(self, after: int = 0) -> FollowedTable | None:
        """As the port says."""
        found = await self._run(redis_scripts.TABLE, self._keys("state", "chain"), after, LINKS_A_CALL)
        if not found:
            return None
        term, look, stamp, body, links = found
        return FollowedTable(_place(term, look, stamp), body, tuple(map(_link, links)))

    async def close(self) -> None:
        """As the port says."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()  # type: ignore[no-untyped-call, unused-ignore]

    # -- how

    def _keys(self, *names: str) -> list[str]:
        return [self._prefix + name for name in names]

    async def _run(self, script: str, keys: Sequence[str], *values: str | bytes | int) -> Any:
        return await self._call(lambda client: client.eval(script, len(keys), *keys, *values))

    async def _call(self, do: Callable[[Client], Awaitable[Answer]]) -> Answer:
        async with self._turn:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    client = self._client or await self._connected()
                    return await do(client)
            except (RedisError, OSError, TimeoutError, ValueError, UnicodeError) as error:
                await self._give_up()
                raise StoreUnavailableError(_said(error, self._address)) from error
            except BaseException:
                await self._give_up()
                raise

    async def _give_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await client.aclose()  # type: ignore[no-untyped-call, unused-ignore]
            except (RedisError, OSError, TimeoutError):
                pass  # it is gone already

    async def _connected(self) -> Client:
        client = self._opened()
        try:
            facts = await client.info()
            self.warnings = checked(facts if "redis_version" in facts else next(iter(facts.values()), {}))
        except BaseException:
            await client.aclose()  # type: ignore[no-untyped-call, unused-ignore]
            raise
        self._client = client
        return client

    def _opened(self) -> Client:
        at = self._address
        common: dict[str, Any] = {
            "username": at.user or None,
            "password": at.password or None,
            "socket_timeout": CALL_SECONDS,
            "socket_connect_timeout": CALL_SECONDS,
            "retry": Retry(NoBackoff(), 0),  # the next call is a second away
            **at.tls,
        }
        if at.kind == "cluster":
            return RedisCluster(startup_nodes=[ClusterNode(*place) for place in at.places], **common)
        if at.kind == "sentinel":
            sentinel = Sentinel(  # type: ignore[no-untyped-call, unused-ignore]
                list(at.places), sentinel_kwargs={**at.tls, **at.sentinel}, **common
            )
            return cast("Client", sentinel.master_for(at.service, db=at.database))
        host, port = at.places[0]
        return Redis(host=host, port=port, db=at.database, single_connection_client=True, **common)


def _member(name: bytes, at: bytes) -> tuple[str, str, float]:
    epoch, _, instance = name.decode().partition(":")
    return instance, epoch, float(at)


def _is_text(name: bytes) -> bool:
    return name.decode(errors="replace").encode() == name


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= NUMBER_DIGITS


def _is_other_type(fault: Exception) -> bool:
    return isinstance(fault, ResponseError) and str(fault).startswith("WRONGTYPE")


def _place(term: bytes, look: bytes, stamp: bytes) -> Place:
    """Raises StoreUnfitError where that is none: nothing in the store can be told from what another program wrote."""
    if not (_is_number(term) and _is_number(look) and _is_text(stamp)):
        raise StoreUnfitError("fleet.redis: the key `state` there is not of this program: delete the keys of the fleet")
    return int(term), int(look), stamp.decode()


def _link(row: bytes) -> Link:
    text = row.decode(errors="replace")
    return Link(text[HASH_CHARACTERS:], text[:HASH_CHARACTERS])


def checked(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What `INFO` says against a server for a fleet, as warnings. Raises StoreUnfitError where it cannot serve one."""
    version = str(facts.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if not numbers:
        raise StoreUnfitError("fleet.redis: what answers there is no Redis: its INFO names no redis_version")
    if numbers < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise StoreUnfitError(f"fleet.redis: Redis {version} is older than {least}, the oldest that a fleet can use")
    if str(facts.get("role", "master")) != "master":
        raise StoreUnfitError("fleet.redis: the server is a replica, which takes no writes: name the primary")
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction" and int(facts.get("maxmemory", 0)):
        return (
            f"fleet.redis: maxmemory-policy is {policy}, so Redis may drop the fleet's state when its memory is full: "
            "set noeviction",
        )
    return ()


def _said(error: BaseException, address: StoreAddress) -> str:
    """One sentence on a failed call. A server's text may quote what it was sent, so a password is taken out of it."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return f"no answer within {CALL_SECONDS:g} s from {address.shown}"
    text = str(error)
    for secret in filter(None, (address.password, str(address.sentinel.get("password") or ""))):
        text = text.replace(secret, "***")
    if isinstance(error, AuthenticationError | AuthorizationError):
        return f"{address.shown} refuses the user or password of fleet.redis: {text}"
    if isinstance(error, NoPermissionError):
        return f"{address.shown} does not allow the user of fleet.redis what a fleet needs: {text}"
    if isinstance(error, InvalidResponse):
        return f"fleet.redis: what answers as {address.shown} is no Redis: {text}"
    return f"{address.shown}: {text or type(error).__name__}"
