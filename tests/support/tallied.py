"""Model servers and clients that count what they do, each on its own, so that figures can be held against theirs.

A client says in the body what each server is to do, and gives each request a name (`x-request-id`). A leg is known by
who was asked: the primary for a request that the candidate had too is the rescue of it, one with `x-penumbra-shadow` is
a copy.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from msgspec import Struct

from tests.support.running import PATIENCE
from tests.support.serving import Handler, Serving

STATUS = {"ok": 200, "other": 200, "garble": 200, "fail": 500, "refuse": 400}
"""What a server is told to do, and the status it answers with. `other`: it says something else than the others;
`garble`: nothing that can be read; `drop`, which has no status: it ends the connection."""


class Task(Struct, frozen=True):
    """One request: what each server does with it, by its name; the usual is `ok`."""

    name: str
    user: str
    does: dict[str, str]
    method: str = "POST"
    size: int = 0
    """Bytes that its body has besides."""


class Leg(Struct, frozen=True):
    """What a server did."""

    task: str
    copy: bool
    do: str
    seconds: float
    method: str


class Tallied(Serving):
    """A model server that notes what it did."""

    def __init__(self, name: str) -> None:
        super().__init__(_Handler)
        self.name = name
        self.legs: list[Leg] = []

    def by_task(self, *, copy: bool = False) -> dict[str, Leg]:
        """The requests that it was asked, or those of which it got a copy; of one that was sent again the last."""
        return {leg.task: leg for leg in self.legs if leg.copy is copy}


class _Handler(Handler):
    server: Tallied

    def _answer(self) -> None:
        began, server = time.monotonic(), self.server
        given = json.loads(self.body() or b"{}")
        do = given.get("does", {}).get(server.name, "ok")
        time.sleep(given.get("seconds", 0.0))
        body = {"score": 9.0 if do == "other" else 1.0}
        leg = Leg(
            self.headers["x-request-id"],
            "x-penumbra-shadow" in self.headers,
            do,
            time.monotonic() - began,
            self.command,
        )
        server.legs.append(leg)
        if do == "drop":
            self.close_connection = True
            return
        self.answer(STATUS[do], b"{" if do == "garble" else json.dumps(body).encode())

    do_GET = do_POST = _answer  # noqa: N815


class Clients:
    """Send tasks and note what came back: `statuses` and `seconds` by task, `versions` by who answered."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = address, path
        self.statuses: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.versions: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send(self, tasks: Iterable[Task], at_once: int = 4) -> None:
        """Returns when all are answered."""
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self._one, tasks))

    def _one(self, task: Task) -> None:
        host, _, port = self._address.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        seconds = 0.002 * (sum(map(ord, task.name)) % 20)
        body = json.dumps({"does": task.does, "seconds": seconds, "more": "x" * task.size})
        fields = {"Content-Type": "application/json", "x-request-id": task.name, "x-user": task.user}
        began = time.monotonic()
        connection.request(task.method, self._path, body if task.method == "POST" else None, fields)
        answer = connection.getresponse()
        answer.read()
        with self._lock:
            self.seconds[task.name] = time.monotonic() - began
            self.statuses[task.name] = answer.status
            self.versions[answer.getheader("x-penumbra-version", "")] += 1
        connection.close()


def outcome(leg: Leg) -> str:
    if leg.method != "POST":
        return "not_an_inference"
    if leg.do == "drop" or STATUS[leg.do] >= 500:
        return "failed"
    return "good" if STATUS[leg.do] == 200 else "refused"


class At(Struct):
    """Where a figure stands: the words of the objects around it, the innermost first."""

    path: str
    words: dict[str, str]

    @property
    def version(self) -> str:
        return self.words.get("version", "b")

    @property
    def role(self) -> str:
        return self.words.get("role") or {"a": "primary", "b": "canary", "c": "shadow"}[self.version]

    @property
    def key(self) -> str:
        return self.path.rpartition(".")[2]


class Truth(Struct):
    """What servers and clients counted: legs of each arm by version and role, and whatever follows from them."""

    arms: dict[tuple[str, str], dict[str, Leg]]
    clients: Clients
    began: float
    ended: float
    users: dict[str, str]

    def legs(self, at: At) -> list[Leg]:
        """Those of the arm that a figure is about."""
        return list(self.arms[at.version, at.role].values())

    def outcomes(self, version: str, role: str) -> Counter[str]:
        return Counter(outcome(leg) for leg in self.arms[version, role].values())

    def inferences(self, version: str, role: str) -> int:
        return self.outcomes(version, role).total() - self.outcomes(version, role)["not_an_inference"]

    @property
    def canary(self) -> Counter[str]:
        return self.outcomes("b", "canary")

    @property
    def pairs(self) -> dict[str, str]:
        """What the shadow did with the requests of which its answer can be held against the primary's: a good one
        that can be read, or any where the shadow has failed."""
        primary = self.arms["a", "primary"] | self.arms["a", "rescue"]
        shadow = self.arms["c", "shadow"]
        good = {name for name, leg in primary.items() if outcome(leg) == "good" and name in shadow}
        return {
            name: shadow[name].do for name in good if primary[name].do != "garble" or outcome(shadow[name]) != "good"
        }

    @property
    def differ(self) -> Counter[str]:
        return Counter(do for do in self.pairs.values() if do != "ok")

    @property
    def bad(self) -> set[str]:
        """Requests that the candidate failed or refused."""
        return {name for name, leg in self.arms["b", "canary"].items() if outcome(leg) in ("failed", "refused")}

    @property
    def told_failed(self) -> set[str]:
        """These, and those whose answer is none by its body."""
        return self.bad | {name for name, leg in self.arms["b", "canary"].items() if leg.do == "garble"}


def one_step(series: list[dict[str, Any]]) -> dict[str, Any]:
    """Series of one step as figures: of each list its only value."""
    rows = []
    for each in series:
        lists = {
            key: next((v for v in value if v is not None), None)
            for key, value in each.items()
            if isinstance(value, list)
        }
        words = {key: value for key, value in each.items() if isinstance(value, str)}
        value = lists.pop("values")
        rows.append(
            words | {"series": {each["name"]: value} | {f"{each['name']}.{key}": n for key, n in lists.items()}}
        )
    return {"": rows}


def figures(document: Any, path: str, words: dict[str, str]) -> Iterator[tuple[At, float]]:
    """Every number of a document."""
    if isinstance(document, dict):
        within = words | {key: value for key, value in document.items() if isinstance(value, str)}
        for key, value in document.items():
            yield from figures(value, f"{path}.{key}" if key else path, within)
    elif isinstance(document, list):
        for value in document:
            yield from figures(value, path if path.startswith("histor") else f"{path}[]", words)
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield At(path, words), float(document)
