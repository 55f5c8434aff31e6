"""The calls: one picture of all that is shown, over few connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
from msgspec.structs import replace

from proxy.cli.access import Access
from proxy.cli.client import ForeignError, answer_of, refusal, why_of
from proxy.cli.top.documents import (
    AuditDoc,
    ChangeDoc,
    PastDoc,
    RoutesDoc,
    ScorecardDoc,
    Seen,
    TrafficDoc,
    UnreadableError,
    read,
)
from proxy.contracts.durations import in_units

T = TypeVar("T")

LOOK_SECONDS = 10.0
"""Seconds that one look may take."""
CONNECTIONS = 4
"""Connections to the API at once."""
PAST_SECONDS = 61
"""Seconds of history that are read: what is drawn, and the one that is not over yet."""
SERIES = "requests,disagreement,drift"
"""Series of the history that are read."""
CHANGES = 6
"""Changes that are read of a route, or of all."""
CHANGES_SECONDS = 30.0
"""Seconds after which they are read again though no table has come since."""


class AwayError(Exception):
    """There was no picture, and why. `whole`: that is the whole sentence."""

    def __init__(self, why: str, whole: bool = False) -> None:
        super().__init__(why)
        self.whole = whole


class RefusedError(Exception):
    """The API is there and will not; with the status, and what it says."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Looking:
    """Looks, one after the other. To be used within its own context."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._changes: tuple[tuple[int, str], float, list[ChangeDoc]] | None = None
        self._session: aiohttp.ClientSession
        self._secured: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        token, context = self._access.token, self._access.context
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._secured = {"ssl": context, "server_hostname": self._access.asked_name} if context else {}
        self._session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CONNECTIONS))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def look(self, wanted: Sequence[str] | None, only: str = "") -> Seen:
        """The picture, with traffic and scorecards of some routes; None: of all. `only`: the route whose changes are
        read, "": of all. Raises AwayError, RefusedError."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._look(wanted, only)
        except TimeoutError:
            raise AwayError(f"it did not answer within {in_units(LOOK_SECONDS)}") from None
        except ForeignError as foreign:
            raise AwayError(foreign.told(self._access), True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise AwayError(why_of(error, self._access)) from None
        except (ValueError, UnreadableError) as error:
            raise AwayError(str(error)) from None

    async def _look(self, wanted: Sequence[str] | None, only: str) -> Seen:
        document, at = await self._ask("/v1/routes")
        routes = read(document, RoutesDoc)
        known = [each.route for each in routes.routes]
        names = known if wanted is None else [name for name in wanted if name in known]
        picture = Seen(at, routes)
        traffic, scorecards, past, changes = await asyncio.gather(
            self._each(names, "traffic", TrafficDoc),
            self._each(names, "scorecard", ScorecardDoc),
            self._past(picture),
            self._audit(picture, only),
        )
        return replace(picture, traffic=traffic, scorecards=scorecards, past=past, changes=changes)

    async def _each(self, names: Sequence[str], part: str, kind: type[T]) -> dict[str, T]:
        found = await asyncio.gather(*(self._read(f"/v1/routes/{quote(name, safe='')}/{part}", kind) for name in names))
        return {name: each for name, each in zip(names, found, strict=True) if each is not None}

    async def _read(self, path: str, kind: type[T]) -> T | None:
        """A document that need not be there: a route may be gone by now, a history be off."""
        try:
            document, _ = await self._ask(path)
        except RefusedError as refused:
            if refused.status in (404, 503):
                return None
            raise
        return read(document, kind)

    async def _past(self, picture: Seen) -> PastDoc | None:
        start = max(picture.at - PAST_SECONDS, 0.0)
        return await self._read(f"/v1/history?series={SERIES}&from={start:.0f}&to={picture.at:.0f}", PastDoc)

    async def _audit(self, picture: Seen, only: str) -> list[ChangeDoc]:
        """The last changes: read again where a table has come since, or some time has gone by."""
        known, now = (picture.routes.revision, only), asyncio.get_running_loop().time()
        if self._changes is not None and self._changes[0] == known and now - self._changes[1] < CHANGES_SECONDS:
            return self._changes[2]
        path = f"/v1/audit?limit={CHANGES}" + (f"&route={quote(only, safe='')}" if only else "")
        audit = await self._read(path, AuditDoc)
        changes = sorted(audit.entries if audit else (), key=lambda each: -each.at)
        self._changes = known, now, changes
        return changes

    async def _ask(self, path: str) -> tuple[Any, float]:
        """A document, and the time of the sidecar. Raises RefusedError."""
        async with self._session.get(self._access.base + path, allow_redirects=False, **self._secured) as response:
            answer = await answer_of(response)
            if response.status >= 300:
                raise RefusedError(response.status, refusal(response.status, answer))
            return answer, _time_of(response.headers.get("Date", ""))


def _time_of(date: str) -> float:
    """Unix seconds of a `Date`. Raises ValueError."""
    return parsedate_to_datetime(date).timestamp()
