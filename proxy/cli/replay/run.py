"""The loop of a replay: reads exchanges, sends what can be sent, and hands answers to the judge in the capture's order.

1. So many exchanges are under way at once, or they go out at the recorded pace, so many times faster; then the number
   under way is a bound all the same.
2. Nothing is read ahead of what can be sent, and what waits for an answer is bounded: memory does not depend on the
   size of a capture.
3. It ends with the capture, with the decision, after a number of requests, or when it is told to.
4. Of a large capture exchanges at even distances go first, and then the others: what they prove is proved of all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic, thread_time

from msgspec import Struct

from proxy.cli.replay.target import ReplayTarget
from proxy.contracts.replay import Ending
from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.sampling import sampled
from proxy.control.replay.asking import Compared, LiveAnswer, Replayed, why_not
from proxy.control.replay.judge import ReplayJudge
from proxy.control.replay.order import CaptureOrder, Place
from proxy.routing.rewrite.unwritable import Unwritable

SLICE_SECONDS = 0.01
"""Seconds for which exchanges are read without a look at the sockets: of a large capture none may be replayable."""
LOOK_SECONDS = 0.1
"""Seconds between two looks at deadlines, and between two reports of the progress."""
JUDGED_AT_ONCE = 64
"""Answers that come before they are judged, unless nothing else is under way: some clocks cost as much as a request.
What has come is judged at each look at deadlines, too."""
NOISE_PERCENT = 20.0
"""Percent of the requests that a primary beside the candidate gets twice, where the route does not say."""


class Bounds(Struct, frozen=True):
    """How fast, and how much."""

    concurrency: int
    """Exchanges under way at once."""
    pace: float | None = None
    """Times the recorded pace; None: as fast as answers come."""
    requests: int | None = None
    """Exchanges that are sent at most."""
    everything: bool = False
    """Whether it goes on after the decision."""
    part: bool = False
    """Whether what is sent was chosen at even distances, to be so many."""


class _Legs:
    """The requests of one exchange that are under way: a method for each takes its answer, and `finish` gets all."""

    __slots__ = ("_candidate", "_finish", "_noise", "_open", "_place", "_primary")

    def __init__(self, place: Place, legs: int, finish: Callable[[Place, Replayed], None]) -> None:
        self._place, self._open, self._finish = place, legs, finish
        self._primary: LiveAnswer | None = None
        self._noise: LiveAnswer | None = None
        self._candidate: LiveAnswer

    def candidate(self, answer: LiveAnswer) -> None:
        """That of the candidate."""
        self._candidate = answer
        self._took()

    def primary(self, answer: LiveAnswer) -> None:
        """That of the primary beside it."""
        self._primary = answer
        self._took()

    def noise(self, answer: LiveAnswer) -> None:
        """The primary's second one."""
        self._noise = answer
        self._took()

    def _took(self) -> None:
        self._open -= 1
        if not self._open:
            place = self._place
            self._finish(place, Replayed(place.exchange, self._candidate, self._primary, self._noise))


class ReplayRun:
    """`run` replays `source`; `interrupt` ends it.

    - `rest`: what is replayed after `source`, where that is a survey and does not decide
    - `sent`: exchanges whose requests went out; `late`: the most seconds by which one was behind its pace
    - `analysis`: seconds of CPU of statistics and decisions
    """

    def __init__(
        self,
        source: Iterator[CapturedExchange],
        judge: ReplayJudge,
        candidate: ReplayTarget,
        primary: ReplayTarget | None,
        bounds: Bounds,
        progress: Callable[[], None] = lambda: None,
        rest: Iterator[CapturedExchange] | None = None,
    ) -> None:
        self._rest = rest
        self._source, self._judge, self._bounds, self._progress = source, judge, bounds, progress
        self._concurrency = bounds.concurrency
        self._candidate, self._primary = candidate, primary
        self._servers = [candidate] if primary is None else [candidate, primary]
        self._compared = Compared(judge.trial.section.analysis.ignore)
        self._order = CaptureOrder()
        self._upcoming: CapturedExchange | None = None
        self._exhausted = self._scheduled = self._woken = False
        self._began = 0.0
        self._first: float | None = None
        self._under_way = self._came = self.sent = 0
        self.late = self.analysis = 0.0
        self._over: asyncio.Future[Ending]

    async def run(self) -> Ending:
        """Why it ended. Raises UnreachableError, and what reading the capture raises."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        try:
            for server in self._servers:
                await server.reach()
            self._began = monotonic()
            self._watch()
            self._go_on()
            return await self._over
        finally:
            for server in self._servers:
                server.close()

    def interrupt(self) -> None:
        """Ends it; what has come is judged, and kept."""
        try:
            self._judge_ready()
        except Exception as error:  # noqa: BLE001  as in `_go_on`
            self._fail(error)
        self._end("interrupted")

    def _end(self, ending: Ending) -> None:
        if not self._over.done():
            self._judge.in_part = ending in ("requests", "interrupted")
            self._over.set_result(ending)

    def _fail(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _watch(self) -> None:
        if self._over.done():
            return
        now = monotonic()
        for server in self._servers:
            server.expire(now)
            if server.silent:
                self._fail(server.unreachable())
        self._came = JUDGED_AT_ONCE
        self._go_on()
        self._progress()
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._watch)

    # -- reading and sending

    def _go_on(self) -> None:
        """Sends what may be sent now, and judges what is due."""
        if self._over.done():
            return
        try:
            if not self._scheduled:
                self._send_some()
            while self._is_due() and self._settle() and not self._scheduled:
                self._send_some()
        except Exception as error:  # noqa: BLE001  `run` raises it; without that it would wait for ever
            self._fail(error)

    def _later(self, seconds: float) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_later(seconds, self._go_on_later)

    def _go_on_later(self) -> None:
        self._scheduled = False
        self._go_on()

    def _go_on_soon(self) -> None:
        """Once for all answers of a turn of the loop."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        self._woken = False
        self._go_on()

    def _send_some(self) -> None:
        order, until = self._order, monotonic() + SLICE_SECONDS
        while self._under_way < self._concurrency and not order.full and not self._is_enough():
            exchange = self._upcoming or next(self._source, None)
            self._upcoming = None
            if exchange is None:
                self._exhausted = True
                return
            if self._bounds.pace is not None and (wait := self._wait_for(exchange, self._bounds.pace)) > 0.0:
                self._upcoming = exchange
                self._later(wait)
                return
            self._send(exchange)
            if monotonic() >= until:
                self._later(0.0)
                return

    def _is_enough(self) -> bool:
        return self._bounds.requests is not None and self.sent >= self._bounds.requests

    def _wait_for(self, exchange: CapturedExchange, pace: float) -> float:
        """Seconds until an exchange is due."""
        if self._first is None:
            self._first = exchange.started
        due = self._began + (exchange.started - self._first) / pace
        wait = due - monotonic()
        self.late = max(self.late, -wait)
        return wait

    def _send(self, exchange: CapturedExchange) -> None:
        place = self._order.put(exchange)
        place.reason = why_not(exchange, self._primary is not None, self._compared)
        asked = exchange.asked
        if place.reason or asked is None:
            return
        candidate, primary = self._candidate, self._primary
        try:
            message = candidate.message(asked)
            beside = primary.message(asked) if primary is not None else message
        except Unwritable as unwritable:
            place.reason = f"it cannot be written for the version: {unwritable}"
            return
        self._under_way += 1
        self.sent += 1
        if primary is None:
            candidate.ask(message, partial(self._alone, place))
            return
        twice = self._is_noise(exchange)
        legs = _Legs(place, 2 + twice, self._finish)
        candidate.ask(message, legs.candidate)
        primary.ask(beside, legs.primary)
        if twice:
            primary.ask(beside, legs.noise)

    def _is_noise(self, exchange: CapturedExchange) -> bool:
        source, number = exchange.key
        return sampled(source, number, self._judge.trial.section.noise or NOISE_PERCENT)

    # -- answers

    def _alone(self, place: Place, answer: LiveAnswer) -> None:
        self._finish(place, Replayed(place.exchange, answer))

    def _finish(self, place: Place, came: Replayed) -> None:
        self._under_way -= 1
        self._came += 1
        self._order.settle(place, came)
        self._go_on_soon()

    def _is_due(self) -> bool:
        """Whether enough has come to be judged at a time, or nothing more comes before it is."""
        if self._over.done():
            return False
        return self._came >= JUDGED_AT_ONCE or not self._under_way or self._exhausted or self._order.full

    def _settle(self) -> bool:
        """Judges what is complete, in its order, and ends where that was all, or enough; whether anything was."""
        held, self._came = len(self._order), 0
        before = thread_time()
        self._judge_ready()
        self.analysis += thread_time() - before
        if not (self._order or self._upcoming is not None or self._over.done()):
            if self._exhausted:
                self._at_the_end()
            elif self._is_enough():
                self._end_unless_silent("requests")
        return len(self._order) < held

    def _judge_ready(self) -> None:
        if self._over.done():
            return
        judge = self._judge
        for place in self._order.ready():
            if place.replayed is not None:
                judge.take(place.replayed)
            else:
                judge.skip(place.exchange, place.reason)
            if judge.decided and not self._bounds.everything:
                self._end_unless_silent("decided")
                return

    def _at_the_end(self) -> None:
        """Ends with the capture, or goes on behind a survey that has decided nothing."""
        if self._rest is None:
            self._end_unless_silent("complete")
            return
        self._judge.surveyed()
        if self._judge.decided:
            self._end_unless_silent("decided")
            return
        self._source, self._rest, self._exhausted = self._rest, None, False
        self._later(0.0)

    def _end_unless_silent(self, ending: Ending) -> None:
        """A server that never answered is no candidate that has failed."""
        silent = next((server for server in self._servers if not server.tally.answered and server.tally.lost), None)
        if silent is not None:
            self._fail(silent.unreachable())
        else:
            self._end(ending)
