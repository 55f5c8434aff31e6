"""Tables of the command line, for people, on a terminal or in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from json import dumps
from typing import Any

from rich.console import Console
from rich.table import Table

from proxy.cli.wording import counted
from proxy.contracts.bounds import legible
from proxy.contracts.durations import in_units
from proxy.contracts.settings import Problem


def show_problems(config: str, problems: Iterable[Problem], as_json: bool) -> None:
    """Every mistake of a configuration: as JSON on stdout, or as a table on stderr."""
    rows = [{"path": p.path, "found": p.found, "allowed": p.allowed} for p in problems]
    if as_json:
        print(dumps({"ok": False, "problems": rows}))
        return
    title = f"{config}: {counted(len(rows), 'problem')}"
    put(table(title, ("path", "found", "allowed"), (row.values() for row in rows)), stderr=True)


def show_routes(answer: Mapping[str, Any]) -> None:
    """All routes; below them what those of protocol `auto` speak, the problems of the configuration file, the workers
    that are not up, all warnings, and the fleet."""
    columns = ("route", "phase", "primary", "split", "shadows", "verdict")
    rows = (
        (r["route"], r["phase"], r["primary"], _percents(r["split"]), _percents(r["shadows"]), r.get("verdict", ""))
        for r in answer["routes"]
    )
    put(table(None, columns, rows))
    for route in answer["routes"]:
        if spoken := _speaks(route):
            print(f"{route['route']} speaks {spoken}")
    for problem in answer.get("configuration", {}).get("problems", ()):
        print(f"the configuration file is not in force: {Problem(**problem)}")
    away = [worker["worker"] for worker in answer.get("workers", ()) if not worker["up"]]
    if away:
        print(f"workers not up: {', '.join(map(str, away))}")
    for warning, routes in _warnings(answer["routes"]).items():
        print(f"warning of {', '.join(routes)}: {warning}")
    if fleet := answer.get("fleet"):
        show_fleet(fleet)


def show_fleet(fleet: Mapping[str, Any]) -> None:
    """The fleet: where this sidecar stands in it, and its members."""
    print()
    print(f"fleet {fleet['fleet']}, here {fleet['instance']}: {_stands(fleet)}")
    if fleet["fault"]:
        print(f"the fleet's store cannot be used: {fleet['fault']}")
    columns = ("member", "", "last report", "follows", "differs in", "version")
    rows = (
        (
            *(m["instance"], "judge" if m["instance"] == fleet["judge"] else "", in_units(m["report_seconds_ago"])),
            *(_follows(m), ", ".join(m["differs"]), m["version"]),
        )
        for m in fleet["members"]
    )
    put(table(None, columns, rows))


def _stands(fleet: Mapping[str, Any]) -> str:
    heard = fleet["heard_seconds_ago"]
    silent = "the store never answered" if heard is None else f"the store answered {in_units(heard)} ago"
    if fleet["apart"]:
        return f"apart from it, all traffic to the primaries; {silent}"
    if fleet["lost"]:
        return f"apart from it, the split is held; {silent}"
    if not fleet["judge"]:
        return f"no judge; {silent}"
    count = counted(len(fleet["members"]), "member")
    return f"{count}, judge {fleet['judge']}, term {fleet['term']}, table {fleet['revision']}; {silent}"


def _follows(member: Mapping[str, Any]) -> str:
    """How far a member is."""
    if not member["late"]:
        return "the newest table"
    return "another term" if member["behind"] is None else f"{counted(member['behind'], 'look')} behind"


def _speaks(route: Mapping[str, Any]) -> str:
    """What a route of protocol `auto` speaks; empty where the configuration says it."""
    if route.get("protocol") != "auto":
        return ""
    return "nothing that is known yet" if route["speaks"] == "auto" else f"{route['speaks']}, by its first requests"


def _warnings(routes: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Each warning with its routes: what concerns the state file is one of all of them."""
    found: dict[str, list[str]] = {}
    for route in routes:
        for warning in route.get("warnings", ()):
            found.setdefault(warning, []).append(route["route"])
    return found


def show(answer: Mapping[str, Any]) -> None:
    """One route, or one release over several routes."""
    show_release(answer) if "routes" in answer else show_route(answer)


def show_release(release: Mapping[str, Any]) -> None:
    """One release: a line for each fact that is not empty, and below them its routes."""
    due = release["stages"][release["stage"] - 1]["requests"] if release["active"] else 0
    requests = f"{release['requests']:,} of {due:,}" if due else f"{release['requests']:,}"
    stage = f"{release['stage']} of {len(release['stages'])}: {requests} requests on the route that has fewest"
    facts = {
        "release": release["release"],
        "phase": release["phase"],
        "strategy": release["strategy"],
        "stage": stage if release["active"] else "",
        "verdict": release["verdict"],
        "evidence": release["sentence"],
        "reason": release["reason"],
    }
    put(table(None, ("", ""), ((name, value) for name, value in facts.items() if value)))
    columns = ("route", "primary", "candidate", "split", "shadows", "requests", "verdict")
    rows = (
        (
            *(r["route"], r["primary"], r["candidate"] or "", _percents(r["split"]), _percents(r["shadows"])),
            *(r["requests"], r["verdict"]),
        )
        for r in release["routes"]
    )
    put(table(None, columns, rows))


def show_route(route: Mapping[str, Any]) -> None:
    """One route, a line for each fact that is not empty."""
    facts = {
        "route": route["route"],
        "phase": route["phase"],
        "primary": route["primary"],
        "speaks": _speaks(route),
        "split": _percents(route["split"]),
        "baseline": _baseline(route.get("baseline") or {}),
        "shadows": _percents(route["shadows"]),
        "release": _release(route.get("release") or {}),
        "left the test": _left(route.get("release") or {}),
        "answering": _answering(route.get("identities", ())),
        "verdict": route.get("verdict"),
        "evidence": route.get("sentence"),
        "rolled back": ", ".join(route.get("rolled_back", ())),
        "reason": route.get("reason"),
        **{f"warning {n}": warning for n, warning in enumerate(route.get("warnings", ()), 1)},
    }
    put(table(None, ("", ""), ((name, value) for name, value in facts.items() if value)))


def _release(release: Mapping[str, Any]) -> str:
    """What is under way, and what its stage waits for; empty where there is no release or it is over."""
    if not release.get("active"):
        return ""
    who = ", ".join(release["arms"]) or release["candidate"]
    stage, stages = release["stage"], release["stages"]
    due = stages[stage - 1]["requests"]
    requests = f"{release['requests']:,} of {due:,} requests" if due else f"{release['requests']:,} requests"
    ends = {"proof": "ends by proof", "no_breach": "ends without a breach"}[release["require"]]
    where = f" with {', '.join(others)}" if (others := _others(release)) else ""
    return f"{release['strategy']} of {who}{where}, stage {stage} of {len(stages)}: {requests}, {ends}"


def _others(release: Mapping[str, Any]) -> list[str]:
    """The release over several routes by its name, with its routes; empty where it is of one alone."""
    routes = release.get("routes", ())
    return [f"{release['name']} ({', '.join(routes)})"] if len(routes) > 1 else []


def _left(release: Mapping[str, Any]) -> str:
    """Arms that have left a test that goes on."""
    return ", ".join(release.get("left", ())) if release.get("active") else ""


def _baseline(baseline: Mapping[str, Any]) -> str:
    """Empty where none is configured."""
    if not baseline:
        return ""
    why = f" ({baseline['reason']})" if baseline["reason"] else ""
    return f"{baseline['version']} {baseline['percent']:g} %{why}"


def _answering(identities: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"{row['version']}: {row['identity']}" for row in identities)


def _percents(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{version} {percent:g} %" for version, percent in shares.items())


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table of texts; markup and controls within a cell are shown and not obeyed."""
    made = Table(title=title, title_justify="left", box=None, show_header=any(columns), pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(legible(str(cell)).replace("[", "\\[") for cell in row))
    return made


def put(made: Table, stderr: bool = False) -> None:
    """Prints a table. A pipe gets lines of any length, because a log must not depend on the width of a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 1000, highlight=False)
    with console.capture() as capture:
        console.print(made)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()), file=stream)
