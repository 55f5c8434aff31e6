"""`penumbra top`: the status page's figures in a terminal."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from proxy.cli.access import Access, asking, at_a_terminal

LEAST_EVERY = 0.2
"""Seconds between two looks at least."""


def add_top(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(top)


@asking
def top(
    route: Annotated[str, typer.Argument(metavar="[ROUTE]")] = "",
    once: Annotated[bool, typer.Option("--once", help="print it once and end, as without a terminal")] = False,
    every: Annotated[float, typer.Option("--every", min=LEAST_EVERY, help="seconds between two looks")] = 2.0,
    *,
    access: Access,
) -> None:
    """Versions, split, rates, latency, evidence, changes and warnings, live: of all routes, or of ROUTE."""
    from proxy.cli.top import live

    if once or not at_a_terminal():
        live.once(access, route, shutil.get_terminal_size((80, 24)).columns)
    else:
        live.live(access, route, every)
