"""The story of `penumbra demo --fleet`: three sidecars with one split and one verdict.

Acts: a split that one sidecar is given holds at all of them; the canary is killed, and all three leave it on the sum of
what they counted; the sidecar that judged is killed, and starts again with an empty disk: another one judges, and the
version that was rolled back gets nothing there either.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from proxy.demo import checks
from proxy.demo.checks import Check
from proxy.demo.display import Display
from proxy.demo.fleet import PATIENCE, POLL_SECONDS, FleetSetup, built
from proxy.demo.front import ROUTE
from proxy.demo.setup import SETTLING_SECONDS, DemoOptions

PERCENT = 10.0
GOOD, BAD = "cancer-v2", "cancer-v3"


async def one_table(setup: FleetSetup) -> list[Check]:
    setup.display.act(
        f"Act 1: one sidecar is told to give v2 {PERCENT:g} % of the users",
        "The others are told nothing; they share a table, so a user meets one version wherever the request goes.",
    )
    await change(setup, GOOD)

    async def holds() -> bool:
        return all(route["split"].get(GOOD) == PERCENT for route in (await setup.routes()).values())

    seconds = await setup.until(holds)
    await asyncio.sleep(SETTLING_SECONDS)
    setup.begin_act()
    await asyncio.sleep(setup.options.seconds)
    return [
        checks.everywhere(f"{PERCENT:g} % for v2, given to one sidecar, holds at all", seconds),
        checks.same_everywhere([each.traffic.act for each in setup.sidecars.values()]),
    ]


async def one_verdict(setup: FleetSetup) -> list[Check]:
    setup.display.act(
        f"Act 2: v3 gets {PERCENT:g} % of the users, and its process is killed",
        "Each sidecar sees a third of the failures; the judge among them adds them up.",
    )
    await change(setup, BAD)
    await asyncio.sleep(setup.options.seconds / 2)
    setup.models[BAD].child.kill()
    setup.display.say("v3's process is dead.", "bold red")
    flips = await flipped(setup)
    for name, seconds in flips.items():
        setup.display.say(f"  {name} is off v3 after {seconds:.2f} s")
    reason = next(iter((await setup.routes()).values())).get("reason", "")
    setup.display.say(f"The fleet says: {reason}" if reason else "The fleet gives no reason.")
    taken = max(flips.values()) if len(flips) == len(setup.sidecars) else None
    return [checks.everywhere(f"{BAD}, killed, is rolled back by itself at all sidecars", taken)]


async def flipped(setup: FleetSetup) -> dict[str, float]:
    """Sidecar to the seconds until its route was rolled back; those that never did are missing."""
    began, found = time.monotonic(), dict[str, float]()
    while len(found) < len(setup.sidecars) and time.monotonic() - began < PATIENCE:
        for name, route in (await setup.routes()).items():
            if route["phase"] == "rolled_back":
                found.setdefault(name, time.monotonic() - began)
        await asyncio.sleep(POLL_SECONDS)
    return found


async def without_its_judge(setup: FleetSetup) -> list[Check]:
    judge = await setup.judge() or next(iter(setup.sidecars))
    setup.display.act(
        f"Act 3: {judge}, which judged, is killed, and starts again with an empty disk",
        "Another one judges, and what was rolled back stays so.",
    )
    await setup.end(judge)

    async def judged() -> bool:
        return await setup.judge() is not None

    seconds = await setup.until(judged)
    setup.begin_act()
    await setup.start(judge)

    async def knows() -> bool:
        return all(route["phase"] == "rolled_back" for route in (await setup.routes()).values())

    known = await setup.until(knows)
    await asyncio.sleep(setup.options.seconds / 2)
    late = sum(each.traffic.act.of(BAD).requests for each in setup.sidecars.values())
    sent = sum(each.traffic.act.requests for each in setup.sidecars.values())
    return [
        checks.everywhere("another sidecar judges", seconds),
        checks.everywhere(f"{judge} knows the rollback", known),
        Check(f"{BAD} gets nothing afterwards", f"{late} of {sent:,} requests", not late and sent > 0),
    ]


async def change(setup: FleetSetup, version: str) -> None:
    """Gives a version its part, at the first sidecar alone."""
    first = next(iter(setup.sidecars.values()))
    await first.admin.put_shadows(ROUTE, {}, "the demo")
    await first.admin.put_split(ROUTE, {version: PERCENT}, "the demo")


ACTS = (one_table, one_verdict, without_its_judge)


async def run(display: Display, options: DemoOptions, folder: Path) -> bool:
    """Plays it; whether all held that had to."""
    async with built(display, options, folder) as setup:
        results = [check for act in ACTS for check in await act(setup)]
        results += checks.unharmed([act for traffic in setup.traffic for act in traffic.acts])
        display.summary(results)
    return all(check.held for check in results)
