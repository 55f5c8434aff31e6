"""Calls of a judge: pairs of texts to a model of the user's own, which scores how far they say the same.

- `POST {url}` with `{"route", "request_id", "version", "primary", "candidate"}`; the answer is `{"score": 0 … 1}`.
- At most `budget` calls a minute for each judge, `MAX_CALLS` at a time; equal pairs are asked once (`MAX_CACHED`).
- Whatever goes wrong, the pair has the result of the route's own comparer, at latest after `CALL_SECONDS`: it differs.
  Nothing waits for a judge but its pair: neither traffic nor other statistics.
- How it went is counted by route (`calls`); a judge that gives no scores, or whose budget is spent, is a warning of the
  route (`faults`).
- TLS is spoken as the route's `analysis.judge.tls` says; other certificates are in force with the next call.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp

from proxy import __version__, files
from proxy.contracts.bounds import MAX_SENTENCE, clipped
from proxy.contracts.comparers import Judge
from proxy.contracts.durations import in_units
from proxy.contracts.tls import ClientTls
from proxy.contracts.tls_roles import judge_role
from proxy.stats.agreement.questions import Question
from proxy.stats.counts.judge_calls import JudgeCalls
from proxy.tls.calls import CallContext
from proxy.tls.reason import TlsError, told

log = logging.getLogger("penumbra.judge")

MAX_CALLS = 8
"""Calls at a time; further pairs wait for the next look."""
CALL_SECONDS = 30.0
"""Seconds for one call: a language model reads two texts."""
MAX_CACHED = 4096
"""Scores that are remembered, 100 bytes each."""
MAX_SCORE_BYTES = 65_536
"""Bytes of a judge's answer."""
STALE_SECONDS = 600.0
"""Seconds after which a failure is no warning any more, where nobody has asked since."""
MAX_FAULT = 200
"""Characters of what went wrong, in a warning."""
BY_FILE = "file:"
"""What begins a token that is the path of one."""
MAX_TOKEN_BYTES = 4096
"""Bytes of a file with a token."""
MINUTE = 60.0

Settle = Callable[[Question, float | None], None]


class NoScore(Exception):
    """A judge has given none. `outcome`: of `FAULTS`."""

    def __init__(self, outcome: str, fault: str) -> None:
        super().__init__(fault)
        self.outcome = outcome


class JudgeCaller:
    """Asks judges. `settle` takes a question with its score, or None without one."""

    __slots__ = (
        *(
            "_asking",
            "_budgets",
            "_cache",
            "_failing",
            "_judges",
            "_secured",
            "_session",
            "_settle",
            "_spent",
            "_tasks",
            "_waiting",
        ),
        *("calls", "faults"),
    )

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._cache: OrderedDict[bytes, float] = OrderedDict()
        self._budgets: dict[str, deque[float]] = {}
        self._failing: dict[str, float] = {}
        self._judges: dict[str, Judge] = {}
        self._spent: dict[str, float] = {}
        self._secured: dict[str, CallContext] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: set[bytes] = set()
        self._waiting: list[tuple[bytes, Question]] = []
        self.calls = JudgeCalls()
        self.faults: dict[str, str] = {}
        """Why texts are compared without a judge, by route."""

    def use(self, tls: Mapping[str, ClientTls]) -> None:
        """Speaks TLS to the judges of these routes as their sections say, and to others as the system does."""
        for gone in self._secured.keys() - tls.keys():
            del self._secured[gone]
        for route, section in tls.items():
            self._secured.setdefault(route, CallContext(judge_role(route), section)).use(section)

    def ask(self, questions: list[Question], now: float) -> None:
        """Asks what may be asked; what is beyond the budget is settled at once, and what waits for a call, or for the
        score of an equal pair, until the next look. Needs a running loop."""
        waiting = self._waiting + [(question.key, question) for question in questions]
        self._waiting = []
        for key, question in waiting:
            self._judges[question.copy.route] = question.judge
            known = self._cache.get(key)
            if known is not None:
                self._cache.move_to_end(key)
                self._settled(question, known, "cached")
            elif key in self._asking or len(self._asking) >= MAX_CALLS:
                self._waiting.append((key, question))
            elif not self._may_spend(question, now):
                self._spent[question.copy.route] = now
                self._settled(question, None, "no_budget")
            else:
                self._asking.add(key)
                task = asyncio.get_running_loop().create_task(self._ask(question, key))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._tell_budgets(now)

    def _settled(self, question: Question, score: float | None, outcome: str) -> None:
        self.calls.requests[question.copy.route, outcome] += 1
        self._settle(question, score)

    def _may_spend(self, question: Question, now: float) -> bool:
        spent, judge = self._budgets.setdefault(question.judge.url, deque()), question.judge
        while spent and now - spent[0] >= MINUTE:
            spent.popleft()
        if len(spent) >= judge.budget:
            return False
        spent.append(now)
        return True

    def _tell_budgets(self, now: float) -> None:
        for route, judge in self._judges.items():
            recent = sum([now - at < MINUTE for at in self._budgets.get(judge.url, ())])
            self.calls.used[route,] = recent / judge.budget
        self._spent = {route: at for route, at in self._spent.items() if now - at < MINUTE}
        lately = asyncio.get_running_loop().time() - STALE_SECONDS
        self._failing = {route: at for route, at in self._failing.items() if at > lately}
        for route in self.faults.keys() - self._failing.keys() - self._spent.keys():
            del self.faults[route]
        for route in self._spent.keys() - self._failing.keys():
            if route not in self.faults:
                self.faults[route] = "the judge's budget is spent: texts that differ by the comparer have no score"
                log.warning("%s: %s", route, self.faults[route])

    async def _ask(self, question: Question, key: bytes) -> None:
        score, outcome, fault = None, "scored", ""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            score = await self._score(question)
        except NoScore as error:
            outcome, fault = error.outcome, str(error)
        except TimeoutError:
            outcome, fault = "timeout", f"no answer in {in_units(CALL_SECONDS)}"
        except (aiohttp.ClientError, TlsError, OSError, ValueError) as error:
            outcome, fault = "unreachable", told(error)
        except asyncio.CancelledError:
            outcome = "unreachable"
            raise
        finally:
            self._asking.discard(key)
            if score is not None:
                self._cache[key] = score
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
            self.calls.called(question.copy.route, outcome, loop.time() - began)
            self._tell(question, fault)
            self._settle(question, score)

    async def _score(self, question: Question) -> float:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        headers = {"Content-Type": "application/json", "User-Agent": f"penumbra/{__version__}"}
        headers["Accept-Encoding"] = "identity"
        if token := await token_of(question.judge):
            headers["Authorization"] = f"Bearer {token}"
        secured = self._secured.get(question.copy.route)
        context = secured.get() if secured else True
        async with self._session.post(
            question.judge.url, data=body_of(question), headers=headers, allow_redirects=False, ssl=context
        ) as answer:
            if answer.status != 200:
                raise NoScore("status", f"status {answer.status}")
            body = b""
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > MAX_SCORE_BYTES:
                    raise NoScore("answer", f"more than {MAX_SCORE_BYTES:,} bytes")
        try:
            return score_of(body)
        except (ValueError, RecursionError) as error:
            raise NoScore("answer", "no score from 0 to 1") from error

    def _tell(self, question: Question, fault: str) -> None:
        """Logs transitions."""
        route, url = question.copy.route, question.judge.url.partition("?")[0]
        if fault and route not in self._failing:
            log.warning("%s: the judge %s gives no score: %s", route, url, clipped(fault, MAX_SENTENCE))
        elif not fault and route in self._failing:
            log.info("%s: the judge %s gives scores again", route, url)
        if fault:
            why = clipped(fault, MAX_FAULT)
            self._failing[route] = asyncio.get_running_loop().time()
            self.faults[route] = f"the judge {url} gives no score, texts are compared without it: {why}"
        elif self._failing.pop(route, 0.0):
            self.faults.pop(route, None)

    async def close(self) -> None:
        """Ends the calls under way; their pairs are as without a judge."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


async def token_of(judge: Judge) -> str:
    """What a call is authorised by. Raises NoScore where the file cannot be read."""
    path = judge.token.removeprefix(BY_FILE)
    if path == judge.token:
        return path
    try:
        token = (await asyncio.to_thread(files.beginning, Path(path), MAX_TOKEN_BYTES)).strip().decode("ascii")
    except (OSError, ValueError) as error:
        raise NoScore("token", f"its token cannot be read: {type(error).__name__}") from error
    if not token.isprintable() or " " in token:
        raise NoScore("token", "its token is no word of ASCII")
    return token


def body_of(question: Question) -> bytes:
    """What a judge is asked."""
    primary, candidate = question.texts
    copy = question.copy
    asked = {
        "route": copy.route,
        "request_id": copy.request_id,
        "version": copy.version,
        "primary": primary,
        "candidate": candidate,
    }
    return json.dumps(asked).encode()


def score_of(body: bytes) -> float:
    """The score of an answer. Raises ValueError where there is none from 0 to 1."""
    document = json.loads(body)
    score = document.get("score") if isinstance(document, dict) else None
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise ValueError("no score from 0 to 1")
    return float(score)
