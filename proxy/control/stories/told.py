"""What is kept of a release beside its audit, as documents tell it: the API, its page, and exports."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from proxy.contracts.durations import in_units
from proxy.contracts.release import Verdict
from proxy.contracts.story import ArmAnswer, FailedRequest, Moment, MomentLine, StoryFacts
from proxy.control.stories.sketch import count_of
from proxy.release.telling import touched_of
from proxy.release.words import allowed, value_words

EARLY_SECONDS = 2.0
"""Seconds by which an entry of the audit and the facts of the same change may be apart."""
LATE_SECONDS = 30.0
"""Seconds after the beginning of a release from which on it is said that counts begin later."""
LINE = (
    *("metric", "bound", "version", "route", "verdict", "value", "limit", "n", "evidence"),
    *("own", "reference", "n_reference", "lost", "needed"),
)
"""Names of what a moment keeps of a line of the scorecard, in order."""


def users_of(facts: StoryFacts) -> dict[str, Any]:
    """How many users met a candidate: distinct sticky keys."""
    if not facts.sticky:
        why = "the route has no `sticky` key that tells users apart"
        return {"count": None, "error": None, "at_least": False, "why": why}
    live = sum(row.legs for row in facts.touched if row.role == "canary")
    (count, error), missing = count_of(facts.keys), facts.seen < live
    why = f"{facts.seen:,} of {live:,} requests were looked at" if missing else ""
    return {"count": count, "error": error, "at_least": missing, "why": why}


def touched(facts: StoryFacts | None, began: float = inf) -> dict[str, Any] | None:
    """Whom a candidate touched; None: not known. `began`: when its release did, which may have been before anything was
    counted: by an earlier version of this program, or in another sidecar."""
    if facts is None:
        return None
    late, users = facts.began > began + LATE_SECONDS, users_of(facts)
    if facts.fleet is None:
        return touched_of(facts, users) | {"late": late, "scope": "sidecar"}
    whole = replace(facts, began=facts.fleet.began)
    whole.take(facts.fleet)
    return touched_of(whole, _at_least(users)) | {"late": False, "scope": "fleet"}


def _at_least(users: dict[str, Any]) -> dict[str, Any]:
    """Users of one sidecar, of a fleet whose others may have met others."""
    if users["count"] is None:
        return users
    return users | {"at_least": True, "why": "; ".join(filter(None, (users["why"], "those of one sidecar alone")))}


def facts_told(facts: StoryFacts | None, began: float = inf) -> dict[str, Any]:
    """The facts of a release; None: nothing is kept of it."""
    known = touched(facts, began)
    return {
        "touched": known,
        "failed": [failed_request(each) for each in facts.failed] if facts else [],
        "failed_total": known["live"]["bad"] + known["copies"]["bad"] if known else 0,
        "disagreements": facts.disagreements if facts else {},
        "moments": [moment(each) for each in facts.moments] if facts else [],
    }


UNJOINED = {
    "shadow": "not known: the record of the answer to the client was lost",
    "canary": "nobody else was asked, as far as is recorded",
}
"""Why no other arm's answer is known, by the role of the one that went wrong."""


def failed_request(each: FailedRequest) -> dict[str, Any]:
    """A request that went wrong, with what each arm answered in words."""
    other = answered(each.other) if each.other else UNJOINED.get(each.answer.role, UNJOINED["canary"])
    told: dict[str, Any] = to_builtins(each)
    return told | {"says": answered(each.answer, each.detail), "other_says": other}


def answered(answer: ArmAnswer, detail: str = "") -> str:
    """What an arm answered."""
    said = f"{answer.version} ({answer.role}): {answer.code}, {answer.outcome}, {in_units(answer.seconds)}"
    return f"{said} ({detail})" if detail else said


def moment(each: Moment) -> dict[str, Any]:
    """The verdicts between changes; lines have names here."""
    lines = [dict(zip(LINE, to_builtins(line), strict=True)) | _words(line) for line in each.lines]
    return {"at": each.at, "phase": each.phase, "stage": each.stage, "requests": each.requests, "lines": lines}


def _words(line: MomentLine) -> dict[str, str]:
    """Value and limit of a line in words."""
    verdict = verdict_of(line)
    return {"says": value_words(verdict), "allowed": allowed(line.metric, line.bound, line.limit)}


def verdicts_at(facts: StoryFacts | None, at: float) -> tuple[float, tuple[Verdict, ...]]:
    """The verdicts as they were at a time, as far as they are kept: the last moment before it, and those of it."""
    moments = [each for each in facts.moments if each.at <= at] if facts else []
    return (moments[-1].at, tuple(map(verdict_of, moments[-1].lines))) if moments else (at, ())


def verdict_of(line: MomentLine) -> Verdict:
    """A line of a moment as the verdict that it was; its sentence is not kept."""
    value, own, reference = (None if each is None else float(each) for each in (line.value, line.own, line.reference))
    return Verdict(
        line.metric, line.outcome, value, line.limit, line.n, line.lost, "", line.needed, line.version, line.bound,
        reference, float(line.evidence), route=line.route, own=own, n_reference=line.n_reference,
    )  # fmt: skip


def facts_for(kept: Iterable[StoryFacts], candidate: str) -> StoryFacts | None:
    """The facts of a release: the first of its candidate among those that began while it was on its way."""
    return next((each for each in kept if candidate in each.candidates), None)


def while_on_its_way(began: float, ended: float | None) -> tuple[float, float]:
    """From when to when the facts of a release begin. A clock that was set back may have it end before it began."""
    return began - EARLY_SECONDS, inf if ended is None or ended < began else ended
