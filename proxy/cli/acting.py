"""A change by hand from the command line: its effect is said, a person at a terminal is asked, the change is made, and,
where that is wanted, waited for until it is in force.

1. Where nobody sits at a terminal nothing is asked: scripts go on as they did. With `--yes` it is said, not asked.
2. What was said is what is done: the change carries the tag of the picture that its effect was of. A rollback carries
   none, and goes on where its effect cannot be said: nothing may stand between a person and the brake.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from json import dumps
from typing import Any
from urllib.parse import urlencode

import typer
from msgspec import Struct

from proxy.cli.access import Access, at_a_terminal
from proxy.cli.client import ask, tried
from proxy.cli.exit_codes import EXIT_NOT_IN_FORCE
from proxy.cli.render import show
from proxy.contracts.durations import in_units

METHODS = {"split": "PUT", "shadows": "PUT"}
"""Methods of changes; POST for all others."""

OF_ROUTES = frozenset(METHODS)
"""Changes of a route alone, whatever release it is part of."""

EFFECT_SECONDS = 3.0
"""Seconds that the effect of a change may take: it is a look into memory."""

LOOK_SECONDS = 0.1
"""Seconds between two looks whether a change is in force."""

TERMINAL_WAIT = 3.0
"""Seconds for which a person at a terminal is told whether it is in force; a script says for how long it waits."""

NO_ENDPOINT = "not-found"


class Wish(Struct, frozen=True):
    """How a change is to be made."""

    as_json: bool = False
    yes: bool = False
    """Whether nobody is asked."""
    wait: float | None = None
    """Seconds to wait until it is in force; None: as long as suits a terminal, and it is no failure if it is not."""


def change(access: Access, action: str, name: str, body: Mapping[str, object], wish: Wish) -> None:
    """Makes a change of a route, or of a release over several. Ends the command where it is refused."""
    asks = at_a_terminal() and not wish.as_json
    if asks or wish.yes:
        access = _foretold(access, action, name, body)
        if asks and not wish.yes:
            typer.confirm("Do it?", default=action == "rollback", abort=True, err=True)
    answer = ask(access, METHODS.get(action, "POST"), _paths(name, action)[0], body, _paths(name, action)[1])
    print(dumps(answer)) if wish.as_json else show(answer)
    if wish.wait is not None or asks:
        _wait(access, name, answer, wish)


def _paths(name: str, what: str) -> tuple[str, str]:
    """The path of a route, and that of a release by the same name; "" where there is none."""
    return f"/v1/routes/{name}/{what}", "" if what in OF_ROUTES else f"/v1/releases/{name}/{what}"


def _foretold(access: Access, action: str, name: str, body: Mapping[str, object]) -> Access:
    """Says what a change will do; the access with the tag of what it was said of. Ends the command where it would be
    refused, unless it is a rollback."""
    query = urlencode({"action": action, "body": dumps(body)})
    paths = [f"/v1/{kind}/{name}/effect?{query}" for kind in ("routes", "releases")][: 1 if action in OF_ROUTES else 2]
    status, effect = tried(access, paths, EFFECT_SECONDS)
    if status == 200 and isinstance(effect, dict):
        _say(f"{effect['sentence']}.")
        return access if action == "rollback" else access._replace(if_match=effect.get("etag") or "")
    why = effect.get("detail", "") if isinstance(effect, dict) else str(effect)
    known = isinstance(effect, dict) and not str(effect.get("type", "")).endswith(NO_ENDPOINT)
    if action != "rollback" and status >= 400 and known:
        ask(access, "GET", paths[0], otherwise=paths[-1])  # says the refusal, and ends
    _say(f"what it does cannot be said beforehand: {why or f'status {status}'}")
    return access


def _wait(access: Access, name: str, answer: Mapping[str, Any], wish: Wish) -> None:
    """Says where a change is in force, once it is everywhere or the time is over; then it is a failure for whoever said
    how long to wait."""
    seconds = TERMINAL_WAIT if wish.wait is None else wish.wait
    told = until_in_force(lambda: _in_force(access, name), answer.get("in_force"), seconds)
    _say(in_force_in_words(told))
    if wish.wait is not None and not (told and told.get("everywhere")):
        raise typer.Exit(EXIT_NOT_IN_FORCE)


def until_in_force(
    look: Callable[[], Mapping[str, Any] | None],
    first: Mapping[str, Any] | None,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,  # noqa: TID251  a command has no loop
) -> Mapping[str, Any] | None:
    """What is known of where a change is in force, once it is everywhere, or after so many seconds; None: nothing.

    `first`: as the answer to the change said; an earlier table than that one is of before the change.
    """
    told, until, table = first, now() + seconds, (first or {}).get("table", 0)
    while first is not None and not (told and told.get("everywhere")) and now() < until:
        sleep(LOOK_SECONDS)
        seen = look()
        told = seen if seen is not None and seen.get("table", 0) >= table else told
    return told


def _in_force(access: Access, name: str) -> Mapping[str, Any] | None:
    status, document = tried(access, [f"/v1/routes/{name}", f"/v1/releases/{name}"], EFFECT_SECONDS)
    return document.get("in_force") if status == 200 and isinstance(document, dict) else None


def in_force_in_words(told: Mapping[str, Any] | None) -> str:
    """Where a change is in force.

    >>> in_force_in_words({"workers": [2, 2], "sidecars": [3, 3], "everywhere": True, "seconds": 0.4})
    'in force on 2 of 2 workers, 3 of 3 sidecars, 0.4 s'
    >>> in_force_in_words({"workers": [1, 2], "sidecars": None, "everywhere": False, "seconds": None})
    'not in force everywhere yet: on 1 of 2 workers'
    """
    if not told or "workers" not in told:
        return "where it is in force is not known"
    counts = ((told[who], who) for who in ("workers", "sidecars") if told.get(who))
    parts = [f"{there} of {of} {who}" for (there, of), who in counts]
    seconds = told.get("seconds")
    parts += [in_units(seconds)] if seconds is not None else []
    return f"{'in force' if told['everywhere'] else 'not in force everywhere yet:'} on {', '.join(parts)}"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
