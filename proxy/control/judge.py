"""Calls of a judge: pairs of texts to a model of the user's own, which scores how far they say the same.

- `POST {url}` with `{"route", "request_id", "version", "primary", "candidate"}`; the answer is `{"score": 0 … 1}`.
- At most `budget` calls a minute for each judge, `MAX_CALLS` at a time; equal pairs are asked once (`MAX_CACHED`).
- Whatever goes wrong, the pair has the result of the route's own comparer, at latest after `CALL_SECONDS`. Nothing
  waits for a judge but its pair: neither traffic nor other statistics.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable

import aiohttp

from proxy import __version__
from proxy.contracts.bounds import MAX_SENTENCE, clipped
from proxy.stats.agreement.questions import Question

log = logging.getLogger("penumbra.judge")

MAX_CALLS = 8
"""Calls at a time; further pairs wait for the next look."""
CALL_SECONDS = 30.0
"""Seconds for one call: a language model reads two texts."""
MAX_CACHED = 4096
"""Scores that are remembered, 100 bytes each."""
MAX_SCORE_BYTES = 65_536
"""Bytes of a judge's answer."""
MINUTE = 60.0

Settle = Callable[[Question, float | None], None]


class JudgeCaller:
    """Asks judges. `settle` takes a question with its score, or None without one."""

    __slots__ = ("_asking", "_budgets", "_cache", "_failing", "_session", "_settle", "_tasks", "_waiting")

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._cache: OrderedDict[bytes, float] = OrderedDict()
        self._budgets: dict[str, deque[float]] = {}
        self._failing: set[str] = set()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: set[bytes] = set()
        self._waiting: list[tuple[bytes, Question]] = []

    def ask(self, questions: list[Question], now: float) -> None:
        """Asks what may be asked; what is beyond the budget is settled at once, and what waits for a call, or for the
        score of an equal pair, until the next look. Needs a running loop."""
        waiting = self._waiting + [(question.key, question) for question in questions]
        self._waiting = []
        for key, question in waiting:
            known = self._cache.get(key)
            if known is not None:
                self._cache.move_to_end(key)
                self._settle(question, known)
            elif key in self._asking or len(self._asking) >= MAX_CALLS:
                self._waiting.append((key, question))
            elif not self._may_spend(question, now):
                self._settle(question, None)
            else:
                self._asking.add(key)
                task = asyncio.get_running_loop().create_task(self._ask(question, key))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _may_spend(self, question: Question, now: float) -> bool:
        spent = self._budgets.setdefault(question.judge.url, deque())
        while spent and now - spent[0] >= MINUTE:
            spent.popleft()
        if len(spent) >= question.judge.budget:
            return False
        spent.append(now)
        return True

    async def _ask(self, question: Question, key: bytes) -> None:
        score = None
        try:
            score = await self._score(question)
            self._tell(question.judge.url, "")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._tell(question.judge.url, clipped(f"{type(error).__name__}: {error}", MAX_SENTENCE))
        finally:
            self._asking.discard(key)
            if score is not None:
                self._cache[key] = score
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
            self._settle(question, score)

    async def _score(self, question: Question) -> float:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))
        headers = {"Content-Type": "application/json", "User-Agent": f"penumbra/{__version__}"}
        async with self._session.post(
            question.judge.url, data=body_of(question), headers=headers, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            return score_of(await answer.content.read(MAX_SCORE_BYTES))

    def _tell(self, url: str, fault: str) -> None:
        """Logs transitions."""
        if fault and url not in self._failing:
            log.warning("the judge %s gives no score, texts are compared without it: %s", url.partition("?")[0], fault)
        elif not fault and url in self._failing:
            log.info("the judge %s gives scores again", url.partition("?")[0])
        (self._failing.add if fault else self._failing.discard)(url)

    async def close(self) -> None:
        """Ends the calls under way; their pairs are as without a judge."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


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
