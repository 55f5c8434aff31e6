"""`penumbra explain` and `penumbra releases`: what happened."""

from __future__ import annotations

from json import dumps
from typing import Annotated
from urllib.parse import quote

import typer

from proxy.cli.access import Access, asking
from proxy.cli.arguments import AsJson, RouteArg


def add_told(app: typer.Typer) -> None:
    """Adds both commands."""
    for command in (explain, releases):
        app.command()(command)


@asking
def explain(
    route: RouteArg,
    at: Annotated[str, typer.Option("--at", help="Unix seconds, or a time such as 2026-11-29T03:04:05Z; now")] = "",
    as_json: AsJson = False,
    *,
    access: Access,
) -> None:
    """What happened on ROUTE, when, to whom, why, whether it is over, what was done, and what to do now. The first line
    has it in one breath, for whoever was woken."""
    from proxy.cli.client import ask
    from proxy.cli.told import explanation, time_of

    told = ask(access, "GET", f"/v1/routes/{quote(route, safe='')}/explain" + (f"?at={time_of(at)!r}" if at else ""))
    print(dumps(told) if as_json else explanation(told))


@asking
def releases(route: RouteArg, as_json: AsJson = False, *, access: Access) -> None:
    """The releases of ROUTE, past and present, newest first: when, who, why, and how each ended."""
    from proxy.cli.client import ask
    from proxy.cli.told import releases as shown

    answer = ask(access, "GET", f"/v1/routes/{quote(route, safe='')}/releases")
    print(dumps(answer) if as_json else shown(answer))
