"""Every leg has exactly one outcome, and all sums agree with what fake clients and fake servers saw, whatever happens:
kills, aborts, timeouts, rescues, retries, refusals, clients that do not read, the end of the worker."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.outcome import outcome_of
from proxy.contracts.record import ArmTick
from proxy.contracts.table import COPY_ROLES, Limits, Rescue, Share, Timeouts
from proxy.dataplane.attempt import Attempt
from proxy.dataplane.exchange import Exchange
from tests.support.fakes import Bench, FakeClient, FakePool, FakeStream, asked
from tests.support.plane import route

EVENTS = (
    *("ask", "begin", "begin", "body", "end", "gone", "congested", "relieved", "time", "long time", "drain"),
    *("head", "events", "stream of one", "piece", "last event", "finish", "answer", "503", "404"),
    *("reset", "malformed", "refuse", "serve"),
)
PATHS = (b"/v2/models/m/infer", b"/v2/health/ready")


class World:
    """A route with everything, its clients, and what they are told."""

    def __init__(self, follow: bool, buffer: int) -> None:
        self.bench = Bench(
            route(
                buffer=buffer,
                split=(Share("v2", 50.0),),
                shadows=(Share("v3", 60.0),),
                noise=30.0,
                mirror="all",
                copies="follow" if follow else "finish",
                rescue=Rescue(0.4),
                timeouts=Timeouts(response=1.0, idle=1.0, total=5.0),
                limits=Limits(inflight=6, mirror_inflight=3, body=100),
            )
        )
        self.clients: list[tuple[Exchange, FakeClient]] = []
        self.shown: set[Attempt] = set()
        self.gone: Counter[bool] = Counter()
        self.pools = [*self.bench.pools.values(), *self.bench.shadow_pools.values()]

    def streams(self) -> list[FakeStream]:
        return [stream for pool in self.pools for stream in pool.streams if stream.user is not None]

    def do(self, what: str, which: int) -> None:
        """One event of the client's side or of a server's."""
        if what in ("ask", "begin"):
            head = asked(path=PATHS[which % 5 == 0])
            self.clients.append(self.bench.ask(b"hello", head) if what == "ask" else self.bench.begin(head))
        elif what in ("time", "long time"):
            self.bench.sweep(0.3 if what == "time" else 1.2)
        elif what == "drain":
            if not which % 7:
                self.bench.shared.give_up("draining")
        elif what in ("refuse", "serve"):
            pool = self.pools[which % len(self.pools)]
            pool.reason = "connect_failed" if what == "refuse" and which % 3 else ""
        elif what in ("body", "end", "gone", "congested", "relieved"):
            if self.clients:
                self.of_client(what, *self.clients[which % len(self.clients)])
        elif streams := self.streams():
            self.of_server(what, streams[which % len(streams)])

    def of_client(self, what: str, exchange: Exchange, client: FakeClient) -> None:
        if what in ("congested", "relieved"):
            client.is_congested = what == "congested"
        elif what == "gone":
            self.leave(exchange, client)
        elif not exchange.complete:
            exchange.read_at = self.bench.clock.now
            exchange.request_end() if what == "end" else exchange.request_body(b"x" * 30)
            exchange.flush_request()

    def leave(self, exchange: Exchange, client: FakeClient) -> None:
        if client.ends or exchange.over():
            return
        leg = exchange.leg
        self.gone[leg is not None and leg in self.shown and not client.is_congested] += 1
        exchange.aborted()

    def of_server(self, what: str, stream: FakeStream) -> None:
        user = stream.user
        assert isinstance(user, Attempt)
        if what in ("reset", "malformed"):
            stream.fail(what)
        elif not stream.received:
            if what in ("head", "events", "stream of one"):
                media = b"a/b" if what == "head" else b"text/event-stream"
                stream.head(200, 5 if what == "head" else None, media=media)
                user.response_flush()
                if what == "stream of one" and stream.user is not None:
                    self.last_event(stream, user)
            elif what in ("answer", "503", "404"):
                stream.answer(200 if what == "answer" else int(what))
                stream.user = None
        elif what == "finish":
            stream.end_answer()
            stream.user = None
        elif what == "piece":
            stream.piece(b"data: {}\n\n")
            self.shown.discard(user)
        elif what == "last event":
            self.last_event(stream, user)

    def last_event(self, stream: FakeStream, user: Attempt) -> None:
        stream.piece(b"data: [DONE]\n\n")
        if user.media:
            self.shown.add(user)

    def close(self) -> None:
        for exchange, client in self.clients:
            self.leave(exchange, client)
        for stream in self.streams():
            stream.fail("malformed")


def asked_of(pools: list[FakePool]) -> int:
    return sum(len(pool.asked) for pool in pools)


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 40)), max_size=80),
    st.booleans(),
    st.sampled_from([0, 50]),
)
@settings(max_examples=300, deadline=None)
def test_every_leg_has_one_outcome_and_all_sums_agree(events: list[tuple[str, int]], follow: bool, buffer: int) -> None:
    world = World(follow, buffer)
    for what, which in events:
        world.do(what, which)
    world.close()
    assert world.bench.inflight() == 0 and world.bench.shared.copied == 0 and world.bench.owed() == 0
    tick = world.bench.tally.take(0, "test", 1, True, {})
    check_arms(tick.arms)
    codes = {copies: Counter[str]() for copies in (False, True)}
    for arm in tick.arms:
        codes[arm.role in COPY_ROLES].update(arm.codes)
    rescued: Counter[str] = Counter()
    for *_, reason, count in tick.rescued:
        rescued[reason] += count
    retries, dropped = sum(row[-1] for row in tick.retries), sum(row[-1] for row in tick.shadow_dropped)
    rejected = sum(row[-1] for row in tick.rejected)

    # what fake servers saw: each leg asked for a connection once, and once more where it was sent again
    assert asked_of(world.pools) == codes[False].total() + codes[True].total() + retries
    # what fake clients saw
    ends = Counter("whole" if client.ends == ["done"] else "not" for _, client in world.clients if client.ends)
    good = Counter(code.isdecimal() for code in codes[False].elements())
    replaced = Counter(reason.isdecimal() for reason in rescued.elements())
    assert ends["whole"] + world.gone[True] == good[True] - replaced[True]
    assert ends["not"] + world.gone[False] == good[False] - replaced[False] + rejected
    # by assignment
    assigned = sum(arm.finished for arm in tick.arms if arm.role in ("primary", "canary"))
    assert assigned + rejected == len(world.clients)
    assert sum(arm.finished for arm in tick.arms if arm.role == "rescue") == rescued.total()
    # copies
    assert codes[True].total() + dropped == sum(row[-1] for row in tick.mirrored)
    if not follow:
        assert not codes[True]["client_abort"]


def check_arms(arms: list[ArmTick]) -> None:
    for arm in arms:
        outcomes = arm.outcomes()
        assert sum(outcomes.values()) == arm.finished == sum(arm.codes.values())
        assert sum(arm.total.values()) == sum(count for code, count in arm.codes.items() if code.isdecimal())
        if arm.role in COPY_ROLES:
            assert not arm.waited and "abandoned" not in outcomes
        if not arm.inference:
            assert set(outcomes) == {"not_an_inference"}
            continue
        expected: Counter[str] = Counter()
        for code, count in arm.codes.items():
            expected[outcome_of(code, arm.role in COPY_ROLES)] += count
        assert outcomes == expected
        assert sum(arm.waited.values()) == outcomes.get("abandoned", 0)
