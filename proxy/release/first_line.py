"""What happened to a route in one breath: what, when, to whom, whether it is over, and what comes next.

It is what somebody reads first who was woken. Everything else (evidence, limits, counts by outcome) stands below it, in
`telling`; nothing of it is said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from proxy.contracts.durations import in_units
from proxy.contracts.metrics import METRICS
from proxy.contracts.notices import KINDS, is_beside
from proxy.release.audit import Entry
from proxy.release.telling import ANEW, BY_HAND, BY_ITSELF, names_in, plan_of, state_after

DID = {
    "rollback": "{candidate} was rolled back",
    "leave": "an arm left the test",
    "pause": "the release of {candidate} was paused",
    "promote": "{candidate} was promoted",
    "advance": "the release of {candidate} went on to stage {stage}",
    "notify": "a limit was breached, traffic stays",
    "keep": "another model answers; evidence is kept",
    "restart": "another model answers; evidence begins anew",
    "drop": "the baseline was left out",
    "settle": "the rollback window of {candidate} is over",
    "release": "a release of {candidate} began",
    "split": "the traffic was split by hand",
    "shadows": "copies were changed by hand",
    "undo": "the last change by hand was put back",
    "resume": "the release of {candidate} goes on",
    "start": "the configuration was taken up",
    "reload": "a new configuration was taken up",
}
"""Actions of the audit in few words."""

STANDS = {
    "rolled_back": "It is over: {primary} serves all.",
    "paused": "Not over: it is paused.",
    "promoted": "{candidate} serves all, and its rollback window is open.",
    "ramping": "It is under way{stage}.",
    "shadowing": "It is under way{stage}, on copies alone.",
    "steady": "Nothing is under way.",
}
"""Where a route stands, by its phase."""

NEXT = {
    "rollback": "mend {candidate}, then {anew}",
    "pause": "penumbra resume {route} (or rollback)",
    "notify": "look at drift and disagreements of {route}",
}
"""What comes next, by what happened last."""

MAX_NAME = 40
"""Characters of a name that the line has room for."""


def first_line(
    route: str,
    entry: Entry | None,
    touched: Mapping[str, Any] | None,
    state: Mapping[str, Any],
    warnings: Sequence[Mapping[str, Any]],
    now: float,
    counted: float = 0.0,
) -> str:
    """The line. `state`, `warnings`: as `telling.told_of` has them; `now`: Unix time, or that which is asked about;
    `counted`: until when `touched` was counted, where that is later."""
    whole = {"candidate": "the candidate", "primary": str(state["primary"]) or "the primary"}
    whole |= names_in(entry, route) if entry else {}
    names = {name: _short(each) for name, each in whole.items()}
    worst = _worst(warnings)
    what = f"{_short(route)}: {_did(entry, route, names)}" if entry else f"{_short(route)}: nothing has happened"
    parts = [f"{what}{_when(entry.at, now) if entry else ''}.", _until(counted, to_whom(touched))]
    if worst is None or is_beside(worst["kind"]):
        parts.append(STANDS.get(str(state["phase"]), "").format(stage=_stage(entry, route), **names))
    if worst:
        parts.append(_wrong(worst, len(warnings) - 1, now))
    return " ".join(filter(None, (*parts, _next(route, entry, state, worst, whole))))


def _did(entry: Entry, route: str, names: Mapping[str, str]) -> str:
    stage = int(state_after(entry, route).get("stage", 0)) + 1
    did = DID.get(entry.action, "{action}").format(stage=stage, action=_short(entry.action), **names)
    who = "" if entry.who in BY_ITSELF else f" by {_short(entry.who)}"
    return f"{did}{who}{_for(entry)}"


def _for(entry: Entry) -> str:
    """The limits that failed, by their titles."""
    lines = entry.evidence if isinstance(entry.evidence, list) and entry.who == "scorecard" else []
    metrics = [line.get("metric") for line in lines if isinstance(line, dict) and line.get("outcome") == "fail"]
    titles = [METRICS[metric].title.lower() for metric in dict.fromkeys(metrics) if metric in METRICS]
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f" for its {titles[0]}{more}" if titles and entry.action in ("rollback", "pause", "leave") else ""


def _when(at: float, now: float) -> str:
    then, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(max(now, 0.0), UTC)
    told = then.strftime("%H:%M UTC" if then.date() == today.date() else "%Y-%m-%d %H:%M UTC")
    return f" at {told} ({ago(at, now)})"


def ago(at: float, now: float) -> str:
    """How long ago, as far as anybody wants to know it.

    >>> ago(0.0, 20.0), ago(0.0, 100.0), ago(0.0, 7300.0)
    ('just now', '1 min ago', '2 h 1 min ago')
    """
    passed = now - at
    return f"{in_units(passed // 60 * 60)} ago" if passed >= 60.0 else "just now"


def to_whom(touched: Mapping[str, Any] | None) -> str:
    """Whom a candidate touched, in one sentence; "": there is none, or it is not known of any.

    Requests of clients first: of copies nobody gets an answer.
    """
    if touched is None:
        return ""
    live, copies, versions = touched["live"], touched["copies"], _short(str(touched["versions"]))
    if live["requests"]:
        rescued = f" ({touched['rescued']:,} answered by the primary in its place)" if touched["rescued"] else ""
        went = f"{_requests(live['requests'])}{_users(touched['users'])} met {versions}"
        return f"{went}, {format(live['bad'], ',') if live['bad'] else 'none of which'} went wrong{rescued}."
    if copies["requests"]:
        return f"Only copies met {versions}: {copies['bad']:,} of {copies['requests']:,} went wrong, no client saw it."
    return f"Nobody has met {versions}."


def _until(counted: float, whom: str) -> str:
    at = datetime.fromtimestamp(counted, UTC)
    return f"Until {at:%Y-%m-%d %H:%M} UTC: {whom[:1].lower()}{whom[1:]}" if counted and whom else whom


def _requests(count: int) -> str:
    return f"{count:,} request{'s' * (count != 1)}"


def _users(users: Mapping[str, Any]) -> str:
    if users["count"] is None:
        return ""
    about = "at least " * users["at_least"] + "about " * bool(users["error"])
    return f" of {about}{users['count']:,} user{'s' * (users['count'] != 1)}"


def _worst(warnings: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The warning that matters most; None: there is none."""
    critical = (each for each in warnings if each["kind"] in KINDS and KINDS[each["kind"]].severity == "critical")
    own = next((each for each in warnings if not is_beside(each["kind"])), warnings[0] if warnings else None)
    return next(critical, own)


def _wrong(worst: Mapping[str, Any], others: int, now: float) -> str:
    """What is wrong now, by the title of its kind."""
    title = KINDS[worst["kind"]].title if worst["kind"] in KINDS else str(worst["text"])[:MAX_NAME]
    what = f"{title[:1].lower()}{title[1:]}"
    if is_beside(worst["kind"]):
        return f"Besides: {what}."
    more = f", and {others} more" if others else ""
    since = f", for {in_units((now - worst['since']) // 60 * 60)}" if now - worst["since"] >= 60.0 else ""
    return f"Not over: {what}{since}{more}."


def _stage(entry: Entry | None, route: str) -> str:
    state = state_after(entry, route) if entry else {}
    stages = plan_of(entry, route).get("stages", ()) if entry else ()
    return f": stage {int(state.get('stage', 0)) + 1} of {len(stages)}" if stages else ""


def _next(
    route: str,
    entry: Entry | None,
    state: Mapping[str, Any],
    worst: Mapping[str, Any] | None,
    whole: Mapping[str, str],
) -> str:
    """`whole`: names that a command takes, which are not shortened."""
    runbook = str(worst["runbook"]) if worst else ""
    if worst and not is_beside(worst["kind"]):
        return f"Next: {runbook}."
    if state.get("past"):
        return f"Next: {runbook}." if runbook else ""
    if entry is None or entry.action not in NEXT:
        return f"Next: {runbook or 'nothing'}."
    anew = (ANEW if plan_of(entry, route) else BY_HAND).format(route=route, **whole)
    names = {name: _short(each) for name, each in whole.items()}
    return f"Next: {NEXT[entry.action].format(route=route, anew=anew, **names)}."


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
