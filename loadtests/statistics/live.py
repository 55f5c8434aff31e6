"""Delays through the real program: the candidate's requests from its breakage until its last one.

    python -m loadtests.statistics.live [--rate 200] [--share 50] [--runs 15] [--healthy 5000] [--kind dead]

Supervisor, worker and control run as users run them, with the default scorecard; the servers of the models and the
clients are on loopback. The candidate breaks after it was healthy for `--healthy` of its requests, at the rate `--rate`
of all requests a second: what is under way, the looks and the way of the new table to the worker are in the figure.
`--source` measures another checkout.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import uvloop

from loadtests.compiled import HOUSE
from loadtests.processes import free_ports, running, wait_until
from loadtests.statistics.live_traffic import FAILED, REFUSED, Behaviour, Clients, Mix, Server, always, hang_up, says
from loadtests.statistics.tables import table

HEALTHY = Mix(failed=0.01)
PATIENCE_SECONDS = 0.5
FILL_RATE = 1500.0
"""Requests a second while the candidate is healthy: evidence counts requests, not seconds."""
QUIET_SECONDS = 0.7
"""Seconds without a request at the candidate, after which somebody asks whether it was rolled back."""
MOST_SECONDS = 60.0
"""Seconds from the break after which a candidate that is still there is never rolled back."""

KINDS: dict[str, Behaviour] = {
    "dead (500)": always(FAILED),
    "errors x 5": Mix(failed=0.05),
    "all 400": always(REFUSED),
    "all 429": always(says(b'{"error":"busy"}', "429 Too Many Requests")),
    "all 307": always(says(b"", "307 Temporary Redirect")),
    "all empty": always(says(b"{}")),
    "all NaN": always(says(b'{"predictions":[NaN]}')),
    "all errors in 200": always(says(b'{"error":"out of memory"}')),
    "all hung": always(None),
}
"""Kinds of bad, by name: what the candidate does after its break."""


class World:
    """One run of the program between its servers and its clients."""

    def __init__(self, home: Path, source: Path, seed: int) -> None:
        self.primary, self.candidate = Server(HEALTHY, 2 * seed), Server(HEALTHY, 2 * seed + 1)
        self.data, self.admin = free_ports(2)
        self._home, self._source, self._seed = home, source, seed

    async def run(self, inner: Any, route: str) -> Any:
        """`inner` between a program that is ready and its end. `route`: more keys of the route, as YAML in a line."""
        servers = [await server.start() for server in (self.primary, self.candidate)]
        config, log = self._home / "penumbra.yaml", self._home / "penumbra.log"
        config.write_text(
            f"listen: 127.0.0.1:{self.data}\nadmin: {{listen: '127.0.0.1:{self.admin}'}}\nstate: ':memory:'\n"
            f"versions: {{a: {{url: 'http://127.0.0.1:{self.primary.port}'}}, "
            f"b: {{url: 'http://127.0.0.1:{self.candidate.port}'}}}}\n"
            f"routes: {{r: {{match: {{path: /}}, protocol: kserve-v1, primary: a, {route}}}}}\n"
        )
        command = [sys.executable, "-P", "-m", "proxy", "run", str(config)]
        with running(command, log, env=os.environ | {"PYTHONPATH": str(self._source)}) as process:
            await asyncio.to_thread(wait_until, self._ready, process, log)
            found = await inner(self)
        for server in servers:
            server.close()
        await hang_up()
        return found

    def _ready(self) -> bool:
        try:
            return bool(self.route()["phase"]) and urllib.request.urlopen(self._url("/readyz")).status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.admin}{path}"

    def route(self) -> Any:
        """The route, as the admin API shows it."""
        with urllib.request.urlopen(self._url("/v1/routes/r"), timeout=10) as answer:
            return json.loads(answer.read())

    async def phase(self) -> str:
        """The route's phase."""
        return str((await asyncio.to_thread(self.route))["phase"])

    def clients(self, rate: float, patience: float = PATIENCE_SECONDS) -> Clients:
        """Clients of this run."""
        return Clients(self.data, rate, patience, self._seed)


async def delay_of(world: World, kind: str, rate: float, healthy: int) -> float:
    """Requests of the candidate from its break to its last; infinity where it stayed. NaN: rolled back before."""
    clients, over = world.clients(FILL_RATE if healthy else rate), asyncio.Event()
    sending = asyncio.create_task(clients.run(over))
    candidate, loop = world.candidate, asyncio.get_running_loop()
    # Polled: an event would cost every request of the server.
    while candidate.requests < healthy:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    clients.rate = rate
    await asyncio.sleep(0.5 if healthy else 0.0)
    before, candidate.behaviour = candidate.requests, KINDS[kind]
    seen, since, deadline = -1, loop.time(), loop.time() + MOST_SECONDS
    found = np.inf
    while loop.time() < deadline:
        await asyncio.sleep(0.02)
        if candidate.requests != seen:
            seen, since = candidate.requests, loop.time()
        elif loop.time() - since > QUIET_SECONDS and await world.phase() == "rolled_back":
            found = float(seen - before)
            break
    over.set()
    await sending
    return found


def once(kind: str, rate: float, share: float, healthy: int, source: Path, seed: int) -> float:
    """The delay of one run."""
    with tempfile.TemporaryDirectory() as home:
        world = World(Path(home), source, seed)

        async def inner(world: World) -> float:
            return await delay_of(world, kind, rate, healthy)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return float(runner.run(world.run(inner, f"canary: {{version: b, percent: {share:g}}}")))


def main(
    rate: Annotated[float, typer.Option(help="requests a second, of both versions")] = 200.0,
    share: Annotated[float, typer.Option(help="percent of the candidate")] = 50.0,
    runs: Annotated[int, typer.Option(min=1)] = 15,
    healthy: Annotated[int, typer.Option(help="requests of the candidate before its break")] = 0,
    kind: Annotated[str, typer.Option(help="only kinds whose name contains this")] = "",
    source: Annotated[Path, typer.Option(help="checkout that is measured")] = HOUSE,
) -> None:
    """Prints a table: median, 90th percentile and largest of the delays of each kind."""
    rows = []
    for name in (name for name in KINDS if kind in name):
        found = [once(name, rate, share, healthy, source, seed) for seed in range(runs)]
        cells = [np.quantile(found, q, method="inverted_cdf") for q in (0.5, 0.9, 1.0)]
        rows.append([name, f"{rate:g}/s, {share:g} %", f"{healthy:,}", *[f"{cell:,.0f}" for cell in cells]])
        print(rows[-1], sorted(found), file=sys.stderr, flush=True)
    print(table(["candidate", "requests", "healthy before", "median", "p90", "most"], rows))


if __name__ == "__main__":
    typer.run(main)
