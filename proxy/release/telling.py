"""What happened to a route, in words that are true: from the audit, the facts of its story, and what is wrong now.

The same facts make the story of a release and the answer to "what happened, when, to whom, why, is it over, what was
done, what do I do". Nothing is said that no number stands behind; what is not known is said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from proxy.contracts.durations import in_units
from proxy.contracts.notices import is_beside
from proxy.contracts.story import StoryFacts, Touched
from proxy.release.audit import Entry, states_of
from proxy.release.history import Story, begins

ENDS = frozenset({"rolled_back", "promoted", "steady"})
"""Phases in which no release is on its way."""

TELLING = frozenset({"rollback", "leave", "pause", "promote", "notify", "keep", "drop", "restart", "advance", "resume"})
"""Actions that are worth telling before the beginnings of releases and configurations."""

TAKEN_BACK = frozenset({"rolled_back", "paused"})
"""Phases whose story is an old one as soon as the route is in another."""

BY_ITSELF = frozenset({"scorecard", "identity", "configuration", "penumbra"})


class Told(Struct, frozen=True):
    """What happened, part by part, each in whole sentences."""

    what: str
    when: str
    to_whom: str
    why: str
    over: str
    done: str
    now: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, a paragraph each."""
        rows = (
            ("What", self.what), ("When", self.when), ("To whom", self.to_whom), ("Why", self.why),
            ("Over?", self.over), ("Done", self.done), ("Now", " ".join(self.now)),
        )  # fmt: skip
        return "\n".join(f"{name}: {said}" for name, said in rows if said)


def clock(at: float) -> str:
    """A time for people, absolute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def state_after(entry: Entry, route: str) -> dict[str, Any]:
    """The live state of a route after an entry; {} where the entry has none."""
    found = states_of(entry).get(route) or entry.after
    return found if isinstance(found, dict) else {}


def state_before(entry: Entry, route: str) -> dict[str, Any]:
    """The live state of a route before an entry, likewise."""
    beside = entry.beside.get(route)
    found = beside.get("before") if isinstance(beside, dict) else entry.before
    return found if isinstance(found, dict) else {}


def phase_after(entry: Entry, route: str) -> str:
    """Its phase."""
    return str(state_after(entry, route).get("phase", ""))


def ending(story: Story, route: str) -> Entry | None:
    """The entry that ended a release; None while it is on its way. What takes back a promote ends it anew, and what
    begins the next release ends one that is still on its way."""
    found = None
    for entry in story.entries:
        phase = phase_after(entry, route)
        if phase in ENDS and (found is None or (phase == "rolled_back" != phase_after(found, route))):
            found = entry
    return found or story.replaced


def by_whom(who: str) -> str:
    """Who made a change."""
    return f"by Penumbra itself ({who})" if who in BY_ITSELF else f"by {who}"


def count_of_users(users: Mapping[str, Any]) -> str:
    """How many users, as far as that is known."""
    if users["count"] is None:
        return f"how many users is not known: {users['why']}"
    least, about = "at least " * users["at_least"], "about " * bool(users["error"])
    facts = ["distinct sticky keys"] + [f"standard error {users['error']:.1%}"] * bool(users["error"])
    of = "; ".join((*facts, users["why"]) if users["why"] else facts)
    return f"{least}{about}{users['count']:,} {'user' if users['count'] == 1 else 'users'} ({of})"


def touched_sentence(touched: Mapping[str, Any] | None) -> str:
    """Whom a candidate touched."""
    if touched is None:
        return "not known: nothing was kept of the requests of that time"
    live, copies, versions = touched["live"], touched["copies"], touched["versions"]
    parts = [f"counted since {clock(touched['since'])}, what came before is not known"] if touched.get("late") else []
    parts += ["counted at all sidecars of the fleet"] if touched.get("scope") == "fleet" else []
    if live["requests"]:
        parts.append(
            f"{live['requests']:,} of the route's {touched['route_requests']:,} requests went to {versions}: "
            f"{live['bad']:,} went wrong there ({_named(live)}), of which the primary answered "
            f"{touched['rescued']:,} in its place (rescued); {count_of_users(touched['users'])}"
        )
    if copies["requests"]:
        parts.append(
            f"{copies['requests']:,} copies went to {versions}, {copies['bad']:,} of which went wrong; no "
            "client gets the answer to a copy"
        )
    if not live["requests"] and not copies["requests"]:
        return f"nobody: no request of the route has reached {versions}"
    return "; ".join(parts)


def _named(counted: Mapping[str, Any]) -> str:
    """All requests by how they ended. Those that are wrong by their bodies alone are good by their heads."""
    named = [f"{count:,} {name.replace('_', ' ')}" for name, count in counted["outcomes"].items() if count]
    invalid = [f"{counted['invalid']:,} of the good ones no answer by their bodies"] if counted.get("invalid") else []
    return ", ".join((*named, *invalid)) or "none"


def touched_of(facts: StoryFacts, users: Mapping[str, Any]) -> dict[str, Any]:
    """How many requests a candidate touched: of clients (`live`), and copies."""
    return {
        "versions": ", ".join(facts.candidates),
        "since": facts.began,
        "route_requests": facts.requests,
        "live": _sum(row for row in facts.touched if row.role in ("canary", "primary")),
        "copies": _sum(row for row in facts.touched if row.role == "shadow"),
        "rescued": sum(facts.rescued.values()),
        "rescued_by_reason": facts.rescued,
        "users": users,
        "first_bad": facts.first_bad,
        "last_bad": facts.last_bad,
    }


def _sum(rows: Iterable[Touched]) -> dict[str, Any]:
    outcomes: dict[str, int] = {}
    bad = invalid = 0
    for row in rows:
        bad, invalid = bad + row.bad, invalid + row.invalid
        for name, count in row.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    return {"requests": sum(outcomes.values()), "bad": bad, "invalid": invalid, "outcomes": outcomes}


WORDS = {
    "rollback": "{candidate} was rolled back: all traffic of {route} goes to {primary}",
    "leave": "an arm left the test on {route}",
    "pause": "the release of {candidate} on {route} was paused: the split stays as it is",
    "promote": "{candidate} was promoted on {route}: it has all traffic now",
    "advance": "the release of {candidate} on {route} went on to its next stage",
    "notify": "a limit was breached on {route}, and nobody's traffic was changed",
    "keep": "another model answers on {route}; the evidence is kept",
    "restart": "another model answers on {route}; the evidence begins anew",
    "drop": "the baseline of {route} is left out",
    "settle": "the rollback window of {candidate} on {route} is over",
    "release": "a release of {candidate} began on {route}",
    "split": "the traffic of {route} was split by hand",
    "shadows": "copies of {route} were changed by hand",
    "undo": "the last change of {route} by hand was put back",
    "resume": "the release of {candidate} on {route} goes on",
    "start": "the configuration of {route} was taken up",
    "reload": "a new configuration of {route} was taken up",
}
"""Actions of the audit as sentences."""

ANEW = "penumbra release {route}"
BY_HAND = "penumbra split {route} {candidate}=PERCENT"
"""How a version gets traffic again: where it was released by stages, and where it was not."""

TODO = {
    "rollback": "Nothing is urgent: clients are served by {primary}. Look at the failed requests and the worst "
    "disagreements of the story, mend {candidate}, and begin anew: {anew} --reason …",
    "leave": "Nothing is urgent: the arm has no traffic any more.",
    "pause": "Decide: penumbra resume {route}, or penumbra rollback {route}, each with --reason.",
    "notify": "Look at drift and disagreements of {route}. Where clients suffer: penumbra rollback {route} --reason …",
    "promote": "Watch the rollback window; penumbra rollback {route} --reason … takes it back.",
}


def what_of(entry: Entry, route: str, names: Mapping[str, str]) -> str:
    """One entry as a sentence."""
    sentence = WORDS.get(entry.action, f"{entry.action} on {{route}}").format(route=route, **names)
    began = entry.action in ("start", "reload") and begins(entry)
    return (
        f"{sentence}, and the release of {names['candidate']} in place of {names['primary']} began"
        if began
        else sentence
    )


def plan_of(entry: Entry, route: str) -> dict[str, Any]:
    """The plan of the release that an entry is about; {}: none."""
    plan = state_after(entry, route).get("release") or state_before(entry, route).get("release")
    return plan if isinstance(plan, dict) else {}


def telling_one(entries: Sequence[Entry], route: str) -> Entry | None:
    """The entry that matters most, of the oldest first: the newest worth telling, or what has taken it back since."""
    found = next((each for each in reversed(entries) if each.action in TELLING), entries[-1] if entries else None)
    held = phase_after(found, route) if found else ""
    if found is None:
        return None
    if held not in TAKEN_BACK:
        return next((each for each in reversed(entries) if each.seq > found.seq and begins(each)), found)
    later = [each for each in entries if each.seq > found.seq and phase_after(each, route)]
    phase = phase_after(later[-1], route) if later else held
    if phase == held or (held == "rolled_back" and phase == "shadowing"):  # copies give nobody back to a version
        return found
    turns = (each for each in reversed(later) if state_before(each, route).get("phase") != phase_after(each, route))
    return next(turns, later[-1])


def names_in(entry: Entry, route: str) -> dict[str, str]:
    """Candidate and primary that an entry is about."""
    after, before = state_after(entry, route), state_before(entry, route)
    plan = plan_of(entry, route)
    rolled = after.get("rolled_back") or ()
    split = before.get("split") or after.get("split") or {}
    candidate = (entry.action == "rollback" and rolled and rolled[-1]) or plan.get("candidate") or next(iter(split), "")
    return {"candidate": str(candidate or "the candidate"), "primary": str(after.get("primary", "the primary"))}


def told_of(
    route: str,
    entry: Entry | None,
    touched: Mapping[str, Any] | None,
    facts: StoryFacts | None,
    state: Mapping[str, Any],
    warnings: Sequence[Mapping[str, Any]],
    findings: Sequence[str] = (),
) -> Told:
    """What happened last, and what is wrong now.

    - `entry`: the change that matters most before the time that is asked about; None: there was none
    - `state`: `phase` ("": not known), `primary`, `split`, `sentence` (what the scorecard says); whether it is `past`
    - `findings`: what inputs and answers say has changed
    - `warnings`: of now, each `text`, `since` (Unix time, or None) and `todo`
    """
    names = names_in(entry, route) if entry else {"candidate": "", "primary": str(state["primary"])}
    none = f"Nothing {'had' if state.get('past') else 'has'} happened on {route} that the audit knows of."
    what = f"{what_of(entry, route, names)}." if entry else none
    what += _going_wrong(facts, touched, state)
    wrong = [each["text"] for each in warnings]
    whats = " ".join((what, *(f"Wrong now: {each}." for each in wrong)))
    return Told(
        what=whats,
        when=_when(entry, facts, warnings),
        to_whom=_whom(touched, facts, wrong),
        why="; ".join(filter(None, (entry.why if entry else "", *findings))),
        over=_over(route, entry, state, warnings),
        done=_done(entry, names) if entry else "Nothing.",
        now=_now(route, entry, names, warnings, _going_wrong(facts, touched, state)),
    )


UNDER_WAY = frozenset({"shadowing", "ramping", "paused", "steady"})


def _going_wrong(facts: StoryFacts | None, touched: Mapping[str, Any] | None, state: Mapping[str, Any]) -> str:
    """That requests go wrong at a version that nothing has been decided about; "" where none do."""
    if facts is None or touched is None or facts.ended is not None or state["phase"] not in UNDER_WAY:
        return ""
    live, copies = touched["live"], touched["copies"]
    bad = live["bad"] + copies["bad"]
    of = live["requests"] + copies["requests"]
    went = f" {bad:,} of {of:,} answers of {touched['versions']} went wrong since {clock(touched['since'])}"
    return f"{went}, and nothing is decided yet." if bad else ""


def _when(entry: Entry | None, facts: StoryFacts | None, warnings: Sequence[Mapping[str, Any]]) -> str:
    said = []
    if entry:
        said.append(f"{clock(entry.at)} ({entry.action}, entry {entry.seq} of the audit).")
    if facts and facts.first_bad is not None and (entry is None or facts.first_bad <= entry.at):
        after = f", {in_units(entry.at - facts.first_bad)} before that" if entry else ""
        said.append(
            f"The first bad answer of {', '.join(facts.candidates)} was seen at {clock(facts.first_bad)}{after}."
        )
    said += [f"Since {clock(each['since'])}: {each['text'][:60]}…" for each in warnings if each.get("since")]
    return " ".join(said)


def _whom(touched: Mapping[str, Any] | None, facts: StoryFacts | None, wrong: Sequence[str]) -> str:
    if facts is None and wrong:
        return "Requests of clients are served as before; no count of affected ones is known."
    said = touched_sentence(touched)
    return f"{said[:1].upper()}{said[1:]}."


def _over(route: str, entry: Entry | None, state: Mapping[str, Any], warnings: Sequence[Mapping[str, Any]]) -> str:
    phase, split = str(state["phase"]).replace("_", " "), state["split"]
    if not phase:
        return "Not known: the audit that is read here begins later."
    traffic = ", ".join(f"{version} {percent:g} %" for version, percent in split.items()) or "not known"
    now = f"{route} {'was' if state.get('past') else 'is'} {phase}, its traffic: {traffic}."
    if not all(is_beside(each.get("kind")) for each in warnings):
        return f"No: what is wrong {'then' if state.get('past') else 'now'} stands above. {now}"
    if state["phase"] == "rolled_back":
        return f"Yes. {now}"
    if state["phase"] in ("shadowing", "ramping", "paused"):
        return f"No, it is under way. {now}" + (f" {state['sentence']}." if state["sentence"] else "")
    return now


def _done(entry: Entry, names: Mapping[str, str]) -> str:
    return f"{entry.action} {by_whom(entry.who)} at {clock(entry.at)}."


def _now(
    route: str, entry: Entry | None, names: Mapping[str, str], warnings: Sequence[Mapping[str, Any]], wrong: str
) -> tuple[str, ...]:
    own = [each for each in warnings if not is_beside(each.get("kind"))]
    steps = [str(each["todo"]) for each in own if each.get("todo")]
    if wrong:
        steps.append(
            "Look at the failed requests. Penumbra acts when the evidence suffices; whoever does not want to wait says "
            f"penumbra rollback {route} --reason …"
        )
    if entry and entry.action in TODO:
        anew = (ANEW if plan_of(entry, route) else BY_HAND).format(route=route, **names)
        steps.append(TODO[entry.action].format(route=route, anew=anew, **names))
    steps += [str(each["todo"]) for each in warnings if each.get("todo") and is_beside(each.get("kind"))]
    return tuple(steps) or ("Nothing to do.",)
