"""The story of `penumbra demo --ci`: a release that begins in CI.

Acts: production keeps its requests; the job of each candidate replays them, and one passes, the other fails; the
package of the failed one opens nothing, that of the good one begins its release by itself; the release is told, and
proved, from commit to endpoint. Everything is done by the commands that a job calls.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

import proxy
from proxy.contracts.replay import ReplayReport, decode
from proxy.demo import checks, front
from proxy.demo.admin import AdminRefused
from proxy.demo.checks import Check
from proxy.demo.display import Display
from proxy.demo.front import ROUTE
from proxy.demo.servers import ModelServer
from proxy.demo.setup import DemoOptions, Setup, built

GOOD, BAD = "cancer-v2", "cancer-v3"
PATIENCE = 20.0
"""Seconds for a package that has come to be seen."""
POLL_SECONDS = 0.1
COMMAND_PATIENCE = 120.0
"""Seconds for one command; a replay takes some."""
STAGES = [{"shadow": 100, "requests": 200}, {"canary": 50, "requests": 500}]
SCORECARD = {"error_rate": {"max_ratio": 1.5}, "disagreement": {"max": 0.1}}


class Finished(Struct, frozen=True):
    """A command that has ended."""

    code: int
    text: str


def configuration(servers: Sequence[ModelServer], state: Path) -> dict[str, Any]:
    """The demo's, with a capture, packages that are asked for, and a release in place of canary and shadow."""
    content: dict[str, Any] = front.configuration(servers, state)
    folder = state.parent
    content["require_package"] = "passed"
    content["capture"] = {"percent": 100, "path": str(folder / "records"), "max_bytes": "64MiB", "bodies": True}
    for name in (GOOD, BAD):
        content["versions"][name] = {**content["versions"][name], "package": str(package_at(folder, name))}
    route = content["routes"][ROUTE]
    del route["canary"], route["shadows"]
    release = {"candidate": GOOD, "strategy": "canary", "stages": STAGES, "scorecard": SCORECARD}
    content["routes"][ROUTE] = {**route, "sticky": "header:x-user-id", "release": release}
    return content


def package_at(folder: Path, version: str) -> Path:
    """Where the package of a version is."""
    return folder / f"{version}.package.json"


def report_at(folder: Path, version: str) -> Path:
    """Where the report of its replay is."""
    return folder / f"{version}.report.json"


async def production(setup: Setup) -> list[Check]:
    setup.display.act(
        "Act 1: production, with v1",
        "Penumbra keeps requests and answers. The file asks for a release of v2; it waits.",
    )
    with setup.display.live():
        view = await setup.play("v1 serves", setup.seconds)
    route = await setup.admin.route(ROUTE)
    why = next(iter(route["warnings"]), "")
    setup.display.say(f"Penumbra says: {why}")
    held = route["phase"] == "steady" and GOOD in why
    return [Check("without its package no release begins", f"phase {view.phase}: {why}", held)]


async def jobs(setup: Setup) -> list[Check]:
    setup.display.act(
        "Act 2: the jobs of v2 and v3", "Each sends yesterday's requests to its candidate, which nobody uses yet."
    )
    return [await replayed(setup, GOOD, 0), await replayed(setup, BAD, 1)]


async def replayed(setup: Setup, version: str, code: int) -> Check:
    """Replays the capture to a candidate."""
    folder = setup.front.config.parent
    captures = [str(path) for path in (folder / "records.1", folder / "records") if path.exists()]
    ended = await command(
        "replay", *captures, str(setup.front.config), "--route", ROUTE, "--version", version,
        "--against", setup.models[version].url, "--json", str(report_at(folder, version)), "--unsealed",
    )  # fmt: skip
    what = f"the replay of {version} says {'fail' if code else 'pass'}"
    if ended.code not in (0, 1, 5):
        return Check(what, ended.text, False)
    found = decode(report_at(folder, version).read_bytes())
    for line in told(found):
        setup.display.say(f"  {line}")
    return Check(what, f"{found.verdict} after {found.counts.sent:,} requests", ended.code == code)


async def packaged(setup: Setup, version: str) -> None:
    """Writes the package of a version, and moves it to its place: who reads it sees a whole one."""
    folder = setup.front.config.parent
    made = folder / "package.made"
    ended = await command(
        "package", str(setup.front.config), version, "-o", str(made), "--report", str(report_at(folder, version)),
        "--lineage", f"commit={version}-sources", "--file", f"artifact={folder / version / 'model.joblib'}",
    )  # fmt: skip
    setup.display.say(f"  {ended.text}")
    if not ended.code:
        made.replace(package_at(folder, version))


def told(report: ReplayReport) -> list[str]:
    """What a job prints of it."""
    lines = [f"{report.candidate}: {report.verdict}: {report.sentence}"]
    worst = report.agreement.worst if report.verdict == "fail" else ()
    return lines + [f"  differs on {each.request_id}: {each.comparer or each.kind}" for each in worst]


async def doors(setup: Setup) -> list[Check]:
    setup.display.act(
        "Act 3: two packages", "v3's says that its replay failed. v2's passed: its release begins by itself."
    )
    await packaged(setup, BAD)
    why = await refused(setup)
    setup.display.say(f"v3: {why}")
    await packaged(setup, GOOD)
    seconds = await begun(setup)
    setup.traffic.begin_act()
    with setup.display.live():
        view = await setup.play("v2 is released", setup.seconds)
    return [
        Check("no release begins with a package that failed", why, f"the replay of {BAD}" in why),
        checks.everywhere("a package that passed begins the release by itself", seconds),
        *checks.mirrored(view.of(GOOD)),
    ]


async def refused(setup: Setup) -> str:
    """Why the admin API opens no release of v3, once it has read the package; "" where it does."""
    body = {"candidate": BAD, "strategy": "canary", "stages": STAGES, "reason": "never mind"}
    began, why = time.monotonic(), ""
    while time.monotonic() - began < PATIENCE and "the replay" not in why:
        try:
            await setup.admin.release(ROUTE, body)
        except AdminRefused as refusal:
            why = str(refusal).partition('"detail": ')[2].strip('"}')
        else:
            return ""
        await asyncio.sleep(POLL_SECONDS)
    return why


async def begun(setup: Setup) -> float | None:
    """Seconds until the release is on its way; None: it never was."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if (await setup.admin.route(ROUTE))["phase"] != "steady":
            return time.monotonic() - began
        await asyncio.sleep(POLL_SECONDS)
    return None


async def proof(setup: Setup) -> list[Check]:
    setup.display.act("Act 4: one chain", "The release's whole story, from commit to endpoint, as one document.")
    folder = setup.front.config.parent
    story = folder / "release.json"
    package, report = package_at(folder, GOOD), report_at(folder, GOOD)
    written = await command(
        "audit", "export", ROUTE, "-o", str(story), "--page", str(folder / "release.html"),
        "--package", str(package), "--report", str(report), "--admin", setup.front.admin,
    )  # fmt: skip
    proved = await command("audit", "verify", str(story))
    text = story.read_text(encoding="utf-8").replace("sources", "SOURCES", 1) if not written.code else ""
    story.write_text(text, encoding="utf-8")
    forged = await command("audit", "verify", str(story))
    setup.display.say(f"  {proved.text}")
    setup.display.say(f"  with one word changed: {forged.text}")
    return [
        Check("the story of the release is proved", proved.text or written.text, not (written.code or proved.code)),
        Check("a story with one word changed is not", forged.text, forged.code == 1),
    ]


async def command(*arguments: str) -> Finished:
    """Runs `penumbra` with these arguments; what it printed is one line after the other."""
    home = Path(proxy.__file__).parent.parent
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", *arguments,
        cwd=home, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), COMMAND_PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    return Finished(process.returncode or 0, printed.decode().strip())


ACTS = (production, jobs, doors, proof)


async def run(display: Display, options: DemoOptions, folder: Path) -> bool:
    """Plays it; whether all held that had to."""
    async with built(display, options, folder, configuration) as setup:
        results = [check for act in ACTS for check in await act(setup)]
        results += checks.unharmed(setup.traffic.acts)
        display.summary(results)
    return all(check.held for check in results)
