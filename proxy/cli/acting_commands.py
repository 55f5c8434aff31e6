"""`penumbra split`, `shadows`, `promote`, `rollback`, `pause`, `resume`, `release`, `undo`: changes by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.access import Access, asking
from proxy.cli.arguments import AsJson, NameArg, Reason, RouteArg, Shares

Yes = Annotated[bool, typer.Option("--yes", "-y", help="say what it does, and ask nothing")]
Wait = Annotated[
    str,
    typer.Option("--wait", metavar="TIME", help="wait until it is in force everywhere, such as 10s; code 6: it is not"),
]

ACTIONS = {
    "promote": "Makes the candidate of NAME (a route, or a release over several) its primary.",
    "rollback": "Gives all traffic of NAME (a route, or a release over several) to its primary.",
    "pause": "Holds the split of NAME (a route, or a release over several) as it is.",
    "resume": "Goes on where NAME (a route, or a release over several) was paused.",
}
"""Changes that need nothing but a reason."""

SHARES = {
    "split": "Splits live traffic by hand; what is left goes to the primary.",
    "shadows": "Says which versions get copies of how many requests.",
}
"""Changes that say the shares of versions, and may have a reason."""


def add_acts(app: typer.Typer) -> None:
    """Adds the commands."""
    for action, text in SHARES.items():
        _add_shares(app, action, text)
    for command in (release, undo):
        app.command()(command)
    for action, text in ACTIONS.items():
        _add(app, action, text)


def _add(app: typer.Typer, action: str, text: str) -> None:
    @app.command(action, help=text)
    @asking
    def act(
        name: NameArg, reason: Reason, as_json: AsJson = False, yes: Yes = False, wait: Wait = "", *, access: Access
    ) -> None:
        _change(access, action, name, {"reason": reason}, as_json, yes, wait)


def _add_shares(app: typer.Typer, action: str, text: str) -> None:
    @app.command(action, help=text)
    @asking
    def act(
        route: RouteArg,
        shares: Shares,
        reason: Reason = "",
        as_json: AsJson = False,
        yes: Yes = False,
        wait: Wait = "",
        *,
        access: Access,
    ) -> None:
        body = {action: _percents(shares)} | ({"reason": reason} if reason else {})
        _change(access, action, route, body, as_json, yes, wait)


@asking
def release(
    name: NameArg,
    reason: Reason,
    plan: Annotated[
        Path | None,
        typer.Option(help="file (YAML or JSON) with candidate, strategy and stages, as `release` in CONFIG"),
    ] = None,
    as_json: AsJson = False,
    yes: Yes = False,
    wait: Wait = "",
    *,
    access: Access,
) -> None:
    """Starts the configured release of NAME (a route, or a release over several), again if need be; or, on a route of
    its own, the one of --plan."""
    from proxy.cli.plan import planned

    _change(access, "release", name, {**(planned(plan) if plan else {}), "reason": reason}, as_json, yes, wait)


@asking
def undo(
    name: NameArg,
    reason: Reason,
    give_traffic: Annotated[
        bool, typer.Option("--give-traffic", help="also to a version that was found bad: that it is meant")
    ] = False,
    as_json: AsJson = False,
    yes: Yes = False,
    wait: Wait = "",
    *,
    access: Access,
) -> None:
    """Puts back the last change of NAME (a route, or a release over several) that a person made."""
    body = {"reason": reason} | ({"give_traffic": True} if give_traffic else {})
    _change(access, "undo", name, body, as_json, yes, wait)


def _change(
    access: Access, action: str, name: str, body: Mapping[str, object], as_json: bool, yes: bool, wait: str
) -> None:
    from proxy.cli.acting import Wish, change

    change(access, action, name, body, Wish(as_json, yes, _seconds(wait) if wait else None))


def _seconds(text: str) -> float:
    from proxy.config.values import Refused, duration

    try:
        return duration(text)
    except Refused as refused:
        raise typer.BadParameter(f"--wait {text}: {refused.allowed}") from None


def _percents(shares: list[str]) -> dict[str, float]:
    percents: dict[str, float] = {}
    for share in shares:
        version, separator, percent = share.rpartition("=")
        try:
            number = float(percent)
        except ValueError:
            separator = ""
        if not separator or version in percents:
            raise typer.BadParameter(f"{share!r}: each version once, as VERSION=PERCENT, such as cancer-v2=25")
        percents[version] = number
    return percents
