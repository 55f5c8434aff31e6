"""A change of the audit as a message.

| event | severity | lasts |
|---|---|---|
| rollback, by the scorecard or for another model | critical | while the release is rolled back |
| rollback by hand | warning | likewise |
| breach or identity that pauses the release | critical | while it is paused |
| breach that is only told (`on_breach: notify`) | critical | while the candidate stays that was told of |
| identity, otherwise; a baseline that is dropped | warning | no |
| the rest | info | no |

Whoever changes a release by hand on which something lasts has acknowledged it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from proxy.contracts.messages import NO_ACCOUNT, Account
from proxy.contracts.notices import Severity
from proxy.contracts.operation import HookEvent
from proxy.contracts.release import RouteState
from proxy.control.messages.message import Message
from proxy.release.audit import Change, plain

EVENTS: dict[str, HookEvent] = {
    "release": "start",
    "advance": "stage",
    "promote": "promote",
    "rollback": "rollback",
    "leave": "rollback",
    "drop": "breach",
    "notify": "breach",
    "restart": "identity",
    "keep": "identity",
}
"""Action of the audit to event; the rest is `change`, except a pause by the scorecard, which is a breach, and one for
another model, which is `identity`."""

BY_ITSELF = frozenset({"scorecard", "identity"})
"""Who acts without being asked."""

TITLES: dict[HookEvent, str] = {
    "start": "{0}: a release begins",
    "stage": "{0}: the next stage begins",
    "breach": "{0}: a limit is breached",
    "rollback": "{0}: rolled back",
    "promote": "{0}: the candidate is primary",
    "identity": "{0}: another model answers",
    "change": "{0}: {1} by {2}",
    "warning": "{0}: a warning",
}


class Trouble(Struct, frozen=True):
    """What lasts on a release."""

    kind: str
    """`rolled-back`, `paused` or `breach`."""
    since: float = 0.0
    reason: str = ""
    severe: bool = True
    """Whether a limit was breached."""
    certain: bool = True
    """Whether it is one without a change that said so: people pause, too."""


def event_of(change: Change) -> HookEvent:
    """The event of a change, as a hook subscribes to it."""
    if change.who == "scorecard" and change.action == "pause":
        return "breach"
    if change.identity is not None and change.action == "pause":
        return "identity"
    if change.who == "configuration" and _begins(change.before, change.after):
        return "start"
    return EVENTS.get(change.action, "change")


def _begins(before: Any, after: Any) -> bool:
    """Whether a configuration has put a release on its way."""
    was, then = plain(before), plain(after)
    if not isinstance(then, dict) or not then.get("release") or then.get("phase") in ("steady", "rolled_back"):
        return False
    return not isinstance(was, dict) or was.get("release") != then["release"]


def document_of(change: Change, head: str, now: float) -> dict[str, Any]:
    """What the audit holds of a change, as JSON values."""
    return {
        "event": event_of(change),
        "at": now,
        "route": change.route,
        "action": change.action,
        "who": change.who,
        "why": change.why,
        "before": plain(change.before),
        "after": plain(change.after),
        "beside": plain(change.beside),
        "evidence": plain(change.evidence),
        "examples": list(change.examples),
        "identity": plain(change.identity),
        "audit_head": head,
    }


def lasting(change: Change) -> str:
    """The kind of trouble that a change begins; "": none."""
    event = event_of(change)
    if event == "rollback":
        return "rolled-back" if change.action == "rollback" else ""
    if change.action == "pause" and event in ("breach", "identity"):
        return "paused"
    return "breach" if change.action == "notify" else ""


def key_of(release: str, kind: str) -> str:
    """The key of what lasts on a release."""
    return f"release/{release}/{kind}"


def routes_of(change: Change, release: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The routes that a change is of."""
    _, routes = release
    return (change.route,) if change.route in routes else routes


def message_of(
    change: Change, release: tuple[str, tuple[str, ...]], head: str, now: float, account: Account = NO_ACCOUNT
) -> Message:
    """The message of a change. `release`: its name, and its routes."""
    event, kind, (name, _) = event_of(change), lasting(change), release
    metric = _breached(change)
    own = routes_of(change, release)
    return Message(
        key=key_of(name, kind) if kind else f"change/{name}/{head or now}",
        event=event,
        state="firing" if kind else "told",
        severity=_severity(change, event, kind),
        title=TITLES[event].format(change.route, change.action, change.who),
        text=change.why or f"{change.action} by {change.who}",
        at=now,
        since=now,
        section=f"breach-{metric}".replace("_", "-") if metric else f"event-{event}",
        routes=own,
        document=document_of(change, head, now),
        account=account,
    )


def _severity(change: Change, event: HookEvent, kind: str) -> Severity:
    if kind:
        return "critical" if change.who in BY_ITSELF or change.identity is not None else "warning"
    return "warning" if event in ("breach", "identity", "rollback") else "info"


def _breached(change: Change) -> str:
    """The metric of the line that failed; "": none did, or it is not about a line."""
    if change.who != "scorecard" or event_of(change) not in ("breach", "rollback"):
        return ""
    lines = plain(change.evidence)
    lines = lines if isinstance(lines, list) else []
    failed = (line["metric"] for line in lines if isinstance(line, dict) and line.get("outcome") == "fail")
    return next(failed, "")


def trouble_of(state: RouteState, told: bool, failed: bool) -> Trouble | None:
    """What lasts on a route, by its live state alone. `told`: a breach was only told; `failed`: a line had failed
    then. Times are those of the state."""
    if state.phase == "rolled_back":
        return Trouble("rolled-back", state.since, state.reason, failed)
    if state.phase == "paused":
        return Trouble("paused", state.since, state.reason, certain=failed)
    return Trouble("breach", state.since, "a limit is breached, and the release goes on") if told else None
