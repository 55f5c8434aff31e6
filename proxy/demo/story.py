"""The demo's story, from training to an automatic rollback, told with what is measured while it happens.

Acts: v2 is mirrored; v2 gets 10 % of the live traffic while v3, degraded on purpose, is watched as a shadow; v3 gets
live traffic all the same and its process is killed; the rollback comes by itself. The exit code is 0 only if all that
had to hold did.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from rich.console import Console

from proxy.demo import checks, ci_story, fleet_story, guide, servers
from proxy.demo.admin import AdminRefused, Metrics
from proxy.demo.checks import Check, Flip
from proxy.demo.display import Display
from proxy.demo.fleet import RedisMissing
from proxy.demo.front import ROUTE
from proxy.demo.processes import ProcessFailed
from proxy.demo.servers import ModelsVenvMissing
from proxy.demo.setup import SETTLING_SECONDS, USERS, DemoOptions, Setup, built

CANARY_PERCENT = 10.0
POLL_SECONDS = 0.01
ROLLBACK_PATIENCE = 20.0
"""Seconds until the demo gives up on the rollback; a dead canary at 10 % takes well under one."""
EXIT_INTERRUPTED = 130
LOG_WIDTH = 160

Story = Callable[[Display, DemoOptions, Path], Awaitable[bool]]
"""Another story than this one; whether all held."""


async def mirror(setup: Setup) -> list[Check]:
    setup.display.act(
        "Act 1: v2 in the shadow", "v1 answers everybody; v2 gets a copy of every request and its answers are compared."
    )
    with setup.display.live():
        view = await setup.play("v2 mirrored", setup.seconds)
    return checks.mirrored(view.of("cancer-v2"))


async def canary(setup: Setup) -> list[Check]:
    setup.display.act(
        f"Act 2: v2 gets {CANARY_PERCENT:g} % of the users",
        "v2 now answers some users, always the same ones. v3, degraded on purpose, gets copies.",
    )
    await setup.change({"cancer-v2": CANARY_PERCENT}, {"cancer-v3": 100.0}, "v2 agrees with v1")
    with setup.display.live():
        view = await setup.play(f"v2 canary {CANARY_PERCENT:g} %, v3 mirrored", setup.seconds)
    return checks.split(setup.traffic.act, "cancer-v2", CANARY_PERCENT, USERS) + checks.mirrored(view.of("cancer-v3"))


async def broken(setup: Setup) -> list[Check]:
    setup.display.act(
        f"Act 3: v3 gets {CANARY_PERCENT:g} % of the users, and its process is killed",
        "Nobody will touch Penumbra from here on: what happens next, it does by itself.",
    )
    await setup.change({"cancer-v3": CANARY_PERCENT}, {}, "somebody did not look at the disagreement")
    with setup.display.live():
        await setup.play(f"v3 canary {CANARY_PERCENT:g} %", setup.seconds / 2)
        flip = await rollback(setup)
        await setup.look("v3 killed", last=True)
    setup.display.say(f"Penumbra says: {flip.reason}" if flip.reason else "Penumbra has not rolled back.")
    return checks.rolled_back("cancer-v3", flip)


async def aftermath(setup: Setup) -> list[Check]:
    setup.traffic.begin_act()
    with setup.display.live():
        await setup.play("after the rollback", setup.seconds / 2)
    return checks.calm(setup.traffic.act, "cancer-v3")


async def rollback(setup: Setup) -> Flip:
    """Kills v3 and waits for the flip; nothing is sent to the admin API but questions."""
    killed_at, killed = time.time(), time.monotonic()
    setup.models["cancer-v3"].child.kill()
    setup.display.say("v3's process is dead.", "bold red")
    route = await setup.admin.route(ROUTE)
    while route["phase"] != "rolled_back" and time.monotonic() - killed < ROLLBACK_PATIENCE:
        await asyncio.sleep(POLL_SECONDS)
        route = await setup.admin.route(ROUTE)
    seconds = time.monotonic() - killed if route["phase"] == "rolled_back" else None
    await asyncio.sleep(SETTLING_SECONDS)
    entry = await setup.admin.rollback_entry()
    failed, rescued = charged(await setup.admin.metrics(), "cancer-v3", setup.options.code)
    return Flip(seconds, entry["at"] - killed_at if entry else None, failed, rescued, entry["why"] if entry else "")


def charged(metrics: Metrics, version: str, success: str) -> tuple[int, int]:
    """(failed, rescued) canary requests of a version since the start; `success`: the code of the others."""
    labels = {"route": ROUTE, "version": version}
    legs = metrics.total("penumbra_requests_total", role="canary", **labels)
    fine = metrics.total("penumbra_requests_total", role="canary", code=success, **labels)
    return int(legs - fine), int(metrics.total("penumbra_rescued_total", **labels))


ACTS = (mirror, canary, broken, aftermath)


def main(
    hold: bool,
    models: Path | None = None,
    seconds: float = 8.0,
    rate: float = 120.0,
    fleet: bool = False,
    grpc: bool = False,
    ci: bool = False,
) -> int:
    """Runs the demo; the exit code. `models` is the models venv (else PENUMBRA_MODELS_VENV, else ./.venv-models);
    `seconds` how long an act lasts; `rate` requests per second; `fleet`: with three sidecars, which is another story;
    `grpc`: clients and model servers speak gRPC; `ci`: a release that begins in CI, which is a third story.
    """
    display = Display(console())
    venv = models or Path(os.environ.get("PENUMBRA_MODELS_VENV", ".venv-models"))
    told = fleet_story.run if fleet else ci_story.run if ci else None
    try:
        options = DemoOptions(servers.models_python(venv.absolute()), seconds, rate, grpc)
        return asyncio.run(_interruptible(display, options, hold, told))
    except asyncio.CancelledError:
        display.say("Interrupted; everything that was started has been ended.")
        return EXIT_INTERRUPTED
    except (ProcessFailed, ModelsVenvMissing, RedisMissing, AdminRefused, aiohttp.ClientError, TimeoutError) as problem:
        display.say(f"The demo could not go on: {problem}", "bold red")
        return 1


def console() -> Console:
    """The terminal as it is; anything else gets lines wide enough not to be broken."""
    here = Console(highlight=False)
    return here if here.is_terminal else Console(highlight=False, width=LOG_WIDTH)


async def _interruptible(display: Display, options: DemoOptions, hold: bool, told: Story | None) -> int:
    """A signal cancels the story once; a second one does not disturb the clearing up."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: task.cancelling() or task.cancel())
    if told:
        with tempfile.TemporaryDirectory(prefix="penumbra-demo-") as folder:
            return 0 if await told(display, options, Path(folder)) else 1
    return await _demo(display, options, hold)


async def _demo(display: Display, options: DemoOptions, hold: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="penumbra-demo-") as folder:
        async with built(display, options, Path(folder)) as setup:
            results = [check for act in ACTS for check in await act(setup)]
            results += checks.unharmed(setup.traffic.acts)
            display.summary(results)
            if hold:
                await _hold(setup)
    return 0 if all(check.held for check in results) else 1


async def _hold(setup: Setup) -> None:
    """v2 is the version to play with: v3 is dead, and without v1 nobody would be left."""
    version, folder = "cancer-v2", setup.front.config.parent
    pid = setup.models[version].child.pid
    props = guide.Props(
        setup.front.url, setup.front.admin, folder, version, pid, setup.traffic.bodies[0], setup.options.grpc
    )
    guide.write(props)
    setup.display.say("Everything stays up, and traffic goes on. To try, from another terminal:\n", "bold")
    for line in guide.lines(guide.steps(props)):
        setup.display.say(line)
    setup.display.say("\nCtrl-C ends it all.")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
