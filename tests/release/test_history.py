from __future__ import annotations

import pytest

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Release, Stage
from proxy.release import transitions
from proxy.release.audit import GENESIS, Change, Entry, entry_of, seal
from proxy.release.history import NoSuchReleaseError, at_rollback, chain_of, stories, story_of

PLAN = Release("v2", "canary", (Stage(shadow=100.0, requests=1), Stage(canary=5.0, requests=1)))
LINEAGE = {"v2": {"endpoint": "127.0.0.1:8082", "lineage": {"commit": "4f2a91c", "dataset": "sha256:9c1e"}}}


def told() -> list[Entry]:
    """A first start, a release that is rolled back, and another one that ends with a promote."""
    steady = RouteState("cancer", "steady", "v1")
    first = transitions.start(steady, PLAN, "", 1.0)
    ramped = transitions.enter(first, 1, "", 2.0)
    back = transitions.rollback(ramped, (), "", 3.0)
    again = transitions.start(back, PLAN, "", 4.0)
    promoted = transitions.promote(again, None, "", 5.0)
    steps = [
        ("start", None, steady),
        ("release", steady, first),
        ("advance", first, ramped),
        ("rollback", ramped, back),
        ("release", back, again),
        ("shadows", RouteState("other", "steady", "v1"), RouteState("other", "steady", "v1", shadows={"v2": 5.0})),
        ("promote", again, promoted),
    ]
    entries: list[Entry] = []
    for seq, (action, before, after) in enumerate(steps, 1):
        change = Change("ops", action, after.route, "why", before, after, lineage=LINEAGE)
        entries.append(entry_of(seal(change, seq, GENESIS, float(seq))))
    return entries


def test_each_release_has_its_story() -> None:
    first, second = stories(told())
    assert (first.name, first.candidate, first.primary, first.strategy) == ("cancer@2", "v2", "v1", "canary")
    assert [entry.action for entry in first.entries] == ["release", "advance", "rollback"]
    assert [entry.action for entry in second.entries] == ["release", "promote"]


def test_a_route_alone_is_its_newest_release() -> None:
    assert story_of(told(), "cancer").name == "cancer@5"
    assert story_of(told(), "cancer@2").name == "cancer@2"
    for name in ("cancer@3", "other", "x@2"):
        with pytest.raises(NoSuchReleaseError, match="known: cancer@2, cancer@5"):
            story_of(told(), name)


def test_a_configured_release_begins_with_its_start() -> None:
    state = transitions.start(RouteState("cancer", "steady", "v1"), PLAN, "", 1.0)
    entry = entry_of(seal(Change("configuration", "start", "cancer", "", None, state), 1, GENESIS, 0.0))
    assert story_of([entry], "cancer").name == "cancer@1"


def test_the_chain_from_commit_to_endpoint_says_what_is_not_stated() -> None:
    chain = dict(chain_of(LINEAGE["v2"]))
    assert list(chain) == ["commit", "dataset", "features", "training config", "evaluation", "endpoint"]
    assert (chain["commit"], chain["features"], chain["endpoint"]) == ("4f2a91c", "not stated", "127.0.0.1:8082")
    assert dict(chain_of({}))["endpoint"] == "not stated"


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        ((Verdict("error_rate", "fail", float("inf"), 1.5, 20, 0, "said"),), (("error_rate", float("inf"), 20),)),
        ((), ()),
        ({"not": "verdicts"}, ()),
    ],
)
def test_what_was_known_at_the_last_rollback(evidence: object, found: tuple[object, ...]) -> None:
    ramped, back = RouteState("r", "ramping", "v1"), RouteState("r", "rolled_back", "v1")
    steps = [("rollback", ramped, back, evidence), ("shadows", back, back, ())]
    entries = [
        entry_of(seal(Change("ops", action, "r", "", before, after, known), seq, GENESIS, 0.0))
        for seq, (action, before, after, known) in enumerate(steps, 1)
    ]
    assert tuple((v.metric, v.value, v.n) for v in at_rollback(reversed(entries))) == found
    assert at_rollback(entries[1:]) == ()


def test_what_an_undo_puts_back_has_the_verdicts_of_the_rollback_not_of_what_was_undone() -> None:
    ramped, back, split = (RouteState("r", phase, "v1") for phase in ("ramping", "rolled_back", "steady"))
    bad = Verdict("error_rate", "fail", 2.0, 1.5, 20, 0, "")
    undecided = Verdict("error_rate", "undecided", 2.0, 1.5, 5, 0, "")
    steps = [("rollback", ramped, back, (bad,)), ("split", back, split, ()), ("undo", split, back, (undecided,))]
    entries = [
        entry_of(seal(Change("ops", action, "r", "", before, after, known), seq, GENESIS, 0.0))
        for seq, (action, before, after, known) in enumerate(steps, 1)
    ]
    assert [(line.outcome, line.n) for line in at_rollback(reversed(entries), "r")] == [("fail", 20)]


def test_a_release_knows_what_took_its_place() -> None:
    first, second = stories(told())
    assert first.replaced is second.entries[0] and second.replaced is None
