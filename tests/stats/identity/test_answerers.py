"""Who answers on every route, from the bodies of legs and from the heads that ticks count."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick
from proxy.stats.identity.answerers import Answerers
from proxy.stats.identity.watch import CONFIRM


def leg(version: str, identity: str, route: str = "r") -> Observation:
    facts = Observation(1, route, version, "primary", 0.5, 0.0, 0.0, 200, copies=0)
    return replace(facts, identity=identity)


def seen(answerers: Answerers, route: str, version: str) -> list[tuple[str, int]]:
    return [(each.identity, each.n) for each in answerers.of(route)[version].get()]


def test_what_is_added_counts_with_the_flush_and_once() -> None:
    answerers = Answerers()
    answerers.add_legs([leg("v1", "gpt-a")] * CONFIRM, 0.0)
    answerers.add_arms("r", [ArmTick("r", "v2", "canary", 0.1, identities={"build=7": CONFIRM})])
    answerers.add_legs([leg("v1", "gpt-z", "s")] * CONFIRM, 0.0)
    assert answerers.of("r") == {}
    added = answerers.flush(0.0)
    assert added["r"] == {"v1": {("", "gpt-a"): CONFIRM}, "v2": {("", "build=7"): CONFIRM}}
    assert (seen(answerers, "r", "v1"), seen(answerers, "r", "v2")) == ([("gpt-a", CONFIRM)], [("build=7", CONFIRM)])
    assert seen(answerers, "s", "v1") == [("gpt-z", CONFIRM)]
    assert answerers.flush(1.0) == {} and answerers.left_out == 0


def test_what_a_restored_judgement_knows_is_shown_and_does_not_replace_what_was_seen() -> None:
    known = Answerers()
    known.add_legs([leg("v1", "before")] * CONFIRM, 0.0)
    known.flush(0.0)
    answerers = Answerers()
    answerers.adopt("r", known.of("r"))
    assert seen(answerers, "r", "v1") == [("before", CONFIRM)]
    answerers.add_legs([leg("v1", "before")], 0.0)
    answerers.flush(0.0)
    assert seen(known, "r", "v1") == [("before", CONFIRM)], "a copy, not the judgement's own"
    answerers.adopt("r", known.of("r"))
    assert seen(answerers, "r", "v1") == [("before", CONFIRM + 1)]
