"""What is measured side by side: the table of cases, and how one is run."""

from __future__ import annotations

import random
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtests.calls import CallDrive, StreamDrive, answering_calls, echoing, infer_request
from loadtests.compare import How, Run, rounds
from loadtests.counted import summary
from loadtests.events import EventDrive, talking
from loadtests.load import Drive
from loadtests.processes import NotReady, pss_by_label
from loadtests.proxies import PEER, Edit, Plan, Proxy, proxied
from loadtests.results import CaseResult, Sample
from loadtests.secure import certificate
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering

console = Console(width=150)
KIB = 1024
DESCRIPTORS = 32768
"""For 10,000 clients: a worker keeps more than half of its files for model servers and shadows."""


Servers = Callable[[Path, int, bool], AbstractContextManager[list[int]]]
"""Starts so many model servers, with TLS or without, and has their ports."""


@dataclass(frozen=True, slots=True)
class Case:
    """`plan` and `how` differ from the defaults (10 % split, full mirror, 30 features, 32 connections) as given.

    - `load`: what a run is driven by; `servers`: what answers it
    - `shown`: for the naive proxy and the interpreted form, too, which are beside the point elsewhere
    - `usual`: part of a whole benchmark; others are there to be asked for
    - `rounds`: at most so many, where little hangs on it
    """

    title: str
    plan: dict[str, Any] = field(default_factory=dict)
    driven: dict[str, Any] = field(default_factory=dict)
    body: int | None = None
    features: int = 30
    load: type[Drive | CallDrive | StreamDrive | EventDrive] = Drive
    servers: Servers = answering
    shown: bool = False
    usual: bool = True
    rounds: int = 20

    def peers(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that are measured."""
        return [name for name in names if self.shown or name not in STAND_INS]

    def how(self, home: Path, given: dict[str, Any]) -> How:
        """The load of a run, with what it sends in `home`."""
        if self.load is Drive:
            bodies = write_bodies(home / "bodies", self.features, self.body)
        else:
            bodies = home / "call"
            bodies.write_bytes(infer_request(self.features, random.Random(7)))
        return self.load(bodies, **self.driven | given)


STAND_INS = ("naive", "interpreted")
FEWER = 3
"""Rounds of a case."""

CASES: dict[str, Case] = {
    "split": Case("10 % split", {"mirror": False}, shown=True),
    "mirror": Case("10 % split, all mirrored"),
    "statistics": Case("all mirrored, all statistics (Penumbra's alone)", {"statistics": True}, shown=True),
    "whole": Case("all mirrored, all statistics of every exchange", {"statistics": True, "whole": True}),
    "unique": Case(
        "all mirrored, all statistics, no two heads alike", {"statistics": True}, {"unique": True}, rounds=FEWER
    ),
    "paced": Case(
        "all mirrored, all statistics of every exchange, 3,000 requests/s",
        {"statistics": True, "whole": True},
        {"pause_ms": 10},
    ),
    "single": Case("one connection, 10 % split", {"mirror": False}, {"connections": 1}, rounds=FEWER),
    "single-mirror": Case("one connection, all mirrored", {}, {"connections": 1}, usual=False),
    "body-1k": Case("bodies of 1 KB, all mirrored", body=KIB, usual=False),
    "body-64k": Case("bodies of 64 KB, all mirrored", body=64 * KIB),
    "body-1m": Case("bodies of 1 MB, all mirrored", {}, {"connections": 8}, body=KIB * KIB),
    "events": Case("server-sent events, all mirrored, by chunk", {}, load=EventDrive, servers=talking),
    "reconnect": Case("a new connection for each request, all mirrored", {}, {"close": True}, usual=False),
    "tls-split": Case("TLS on both sides, 10 % split", {"mirror": False}, {"tls": True}, rounds=FEWER),
    "tls-statistics": Case(
        "TLS on both sides, all mirrored, all statistics", {"statistics": True}, {"tls": True}, rounds=FEWER
    ),
    "tls-reconnect": Case(
        "TLS on both sides, a new connection for each request",
        {"mirror": False},
        {"tls": True, "close": True},
        rounds=FEWER,
    ),
    "two-workers": Case("two workers, all mirrored", {"workers": 2}, usual=False),
    **{
        f"grpc-{name}-{streams}": Case(
            f"gRPC, {title}, {streams} stream{'s' * (streams > 1)} a connection",
            {"http2": True, **plan},
            {"streams": streams, "unique": "unique" in name},
            load=CallDrive,
            servers=answering_calls,
            usual=name != "mirror",
            rounds=FEWER,
        )
        for name, title, plan in (
            ("split", "10 % split", {"mirror": False}),
            ("split-unique", "10 % split, no two heads alike", {"mirror": False}),
            ("mirror", "all mirrored", {}),
            ("statistics", "all mirrored, all statistics", {"statistics": True}),
            ("unique", "all mirrored, all statistics, no two heads alike", {"statistics": True}),
        )
        for streams in (1, 8)
    },
    "grpc-messages": Case(
        "gRPC, streams of 1,000 messages both ways, by message",
        {"http2": True, "mirror": False},
        load=StreamDrive,
        servers=echoing,
        rounds=FEWER,
    ),
}
"""`unique` is what a proxy meets behind an ingress, and what keeps any memory of heads honest. Bodies of 1 MB come from
8 connections: 32 would only measure how buffers fill. Calls come from 16. Of events 32 streams have one each 10 ms."""


@contextmanager
def stage(
    versions: int = 3, tls: bool = False, servers: Servers = answering
) -> Iterator[tuple[ExitStack, Path, list[int]]]:
    """A stack to start things on, a directory that goes away with it, and the ports of fast model servers. `tls`: they
    are spoken to by TLS, with the certificate in that directory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, DESCRIPTORS), hard), hard))
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadtests-")))
        home.chmod(0o755)
        if tls:
            certificate(home)
        yield stack, home, stack.enter_context(servers(home, versions, tls))


def start(stack: ExitStack, home: Path, name: str, plan: Plan, edit: Edit = str) -> Proxy | None:
    """A peer at work, or None, said aloud, when it cannot be had on this machine or cannot do this."""
    peer = PEER[name]
    if (plan.mirror and not peer.mirrors) or (plan.tls and not peer.secure) or (plan.http2 and not peer.http2):
        return None
    try:
        return stack.enter_context(proxied(peer, plan, home, edit))
    except (NotReady, OSError) as error:
        console.print(f"{name} is left out: {error}", style="red", markup=False, highlight=False)
        return None


def run_case(
    case: Case, names: Sequence[str], seconds: float, repetitions: int, connections: int | None = None
) -> CaseResult:
    """Interleaved samples of the peers in `names`; those that cannot mirror sit such a case out."""
    tls = bool(case.driven.get("tls"))
    with stage(3, tls, case.servers) as (stack, home, (primary, canary, shadow)):
        plan = Plan(primary, canary, shadow, tls=str(home) if tls else "", **case.plan)
        proxies = [proxy for name in names if (proxy := start(stack, home, name, plan))]
        given = {} if connections is None else {"connections": connections}
        how = case.how(home, given)
        runs = [Run(each.name, each, how, plan.statistics and PEER[each.name].judges) for each in proxies]
        samples = rounds(runs, seconds, repetitions, tell)
        memory = {proxy.name: pss_by_label(proxy.process.pid) for proxy in proxies}
        judge = next((proxy for proxy in proxies if PEER[proxy.name].judges), None)
        return CaseResult(samples, memory, summary(judge.admin) if judge else {})


def tell(name: str, turn: int, sample: Sample) -> None:
    """One line for each run, as it ends."""
    cost, rate = sample.total, sample.load.rate
    part = "" if sample.analysed is None else f"  {sample.analysed:4.0%} analysed"
    console.print(f"  round {turn + 1} {name:20} {cost:7.1f} us/request {rate:8,.0f} requests/s{part}", highlight=False)
