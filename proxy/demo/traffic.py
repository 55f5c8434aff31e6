"""Real rows as traffic: a keep-alive client with many connections and a bounded rate, and its counts.

The client is an ordinary one: it knows the proxy's address and nothing else. Which version answered is read from
`x-penumbra-version`; latencies are from the first byte sent to the last byte read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from proxy.contracts import histogram
from proxy.contracts.histogram import Buckets

USER_HEADER = "x-user-id"
MAX_SHOWN_ERRORS = 5
"""Error messages that are shown; all errors are counted."""


@dataclass(slots=True)
class Answers:
    """Counts of the client for one version: requests, errors and latencies."""

    requests: int = 0
    errors: int = 0
    latency: Buckets = field(default_factory=dict)

    def quantile(self, q: float) -> float | None:
        """Seconds, or None before the first answer."""
        return histogram.quantile(self.latency, q)


@dataclass(slots=True)
class ClientCounts:
    """Counts of the client since `since` (monotonic seconds), by answering version ("" for requests without an answer).

    `users`: the version that each user got first; `moved`: answers that came from another one.
    """

    since: float
    versions: dict[str, Answers] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    moved: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(answers.requests for answers in self.versions.values())

    @property
    def errors(self) -> int:
        return sum(answers.errors for answers in self.versions.values())

    def of(self, version: str) -> Answers:
        """The answers of `version`; an empty value for a version that has none."""
        return self.versions.get(version) or Answers()

    def note(self, user: str, version: str, seconds: float, error: str) -> None:
        """Counts one exchange; a non-empty `error` says what was wrong with it."""
        self.moved += self.users.setdefault(user, version) != version
        answers = self.versions.setdefault(version, Answers())
        answers.requests += 1
        if not error:
            histogram.add(answers.latency, {histogram.bucket(seconds): 1})
            return
        answers.errors += 1
        if len(self.messages) < MAX_SHOWN_ERRORS:
            self.messages.append(error)


def encode(row: Sequence[float]) -> bytes:
    """One row as an inference request of the Open Inference Protocol that asks for class and probabilities."""
    tensor = {"name": "row", "shape": [1, len(row)], "datatype": "FP64", "data": list(row)}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": "predict"}, {"name": "predict_proba"}]}).encode()


class Client(Protocol):
    """Who asks. `opened` while it does."""

    def encode(self, row: Sequence[float]) -> bytes:
        """One row as a request."""

    def opened(self, connections: int) -> contextlib.AbstractAsyncContextManager[None]:
        """Makes up to so many connections, and ends them."""

    async def ask(self, user: str, body: bytes) -> tuple[str, str]:
        """The version that answered a user's request, and what was wrong ("": nothing)."""


class JsonClient:
    """A client of the Open Inference Protocol in JSON."""

    __slots__ = ("_session", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession

    @staticmethod
    def encode(row: Sequence[float]) -> bytes:
        """One row as a request."""
        return encode(row)

    @contextlib.asynccontextmanager
    async def opened(self, connections: int) -> AsyncIterator[None]:
        """Connections are kept while the block runs."""
        connector = aiohttp.TCPConnector(limit=connections)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            yield

    async def ask(self, user: str, body: bytes) -> tuple[str, str]:
        """The version that answered, and what was wrong ("": nothing)."""
        headers = {USER_HEADER: user, "content-type": "application/json"}
        try:
            async with self._session.post(self.url, data=body, headers=headers) as response:
                said = await response.read()
                version = response.headers.get("x-penumbra-version", "")
                if response.status != 200:
                    return version, f"{response.status} from {version or 'nobody'}: {said[:200]!r}"
                return version, ""
        except (aiohttp.ClientError, TimeoutError) as problem:
            return "", f"{type(problem).__name__}: {problem}"


class Traffic:
    """Sends rows by `client` at `rate` requests per second over at most `connections` connections.

    A request that is due while all connections are busy waits for one, and the schedule does not catch up: the rate is
    an upper bound. Each request carries the header `x-user-id` of one of `users` users.
    """

    __slots__ = ("_client", "_due", "_random", "acts", "bodies", "connections", "rate", "users")

    def __init__(
        self, client: Client, rows: Sequence[Sequence[float]], rate: float, connections: int, users: int, seed: int
    ) -> None:
        self._client, self.rate, self.connections, self.users = client, rate, connections, users
        self.bodies = [client.encode(row) for row in rows]
        self.acts = [ClientCounts(time.monotonic())]
        self._random = random.Random(seed)
        self._due = 0.0

    @property
    def act(self) -> ClientCounts:
        """The counts since the present act began."""
        return self.acts[-1]

    @property
    def requests(self) -> int:
        """Requests of all acts."""
        return sum(act.requests for act in self.acts)

    @property
    def errors(self) -> int:
        """Errors of all acts."""
        return sum(act.errors for act in self.acts)

    def begin_act(self) -> None:
        """Starts a fresh count; the counts of earlier acts stay in `acts`."""
        self.acts.append(ClientCounts(time.monotonic()))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Traffic flows while the block runs; exchanges under way are finished at its end."""
        stop = asyncio.Event()
        async with self._client.opened(self.connections):
            senders = [asyncio.create_task(self._send(stop)) for _ in range(self.connections)]
            try:
                yield
            finally:
                stop.set()
                await asyncio.gather(*senders)

    async def _send(self, stop: asyncio.Event) -> None:
        while True:
            self._due = max(self._due + 1 / self.rate, time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._due - time.monotonic())
            if stop.is_set():
                return
            await self._exchange()

    async def _exchange(self) -> None:
        user = f"user-{self._random.randrange(self.users)}"
        began = time.monotonic()
        version, error = await self._client.ask(user, self._random.choice(self.bodies))
        self.act.note(user, version, time.monotonic() - began, error)
