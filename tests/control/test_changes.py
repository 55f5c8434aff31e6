"""Entries of the audit: one for all routes of a release."""

from __future__ import annotations

from proxy.control.changes import MAX_AUDIT_EXAMPLES, Changes
from tests.control.houses import House, section, settings, together
from tests.support.records import record


def test_an_entry_of_a_release_names_all_of_its_routes() -> None:
    house = House(settings(*together(), section("alone")))
    release, alone = house.engine.release("fraud-2"), house.engine.release("alone")
    changes = Changes(house.board)
    before = dict(house.engine.states)
    whole = changes.entry(house.engine.settings, release, "ops", "pause", before, release.states, "why")
    assert (whole.route, whole.after.route, set(whole.beside)) == ("fraud-2", "features", {"predict", "explain"})
    assert whole.beside["predict"] == {"before": before["predict"], "after": before["predict"]}
    assert set(whole.lineage) == {"v1", "v2", "v3"}
    one = changes.entry(house.engine.settings, release, "ops", "shadows", before, release.states[1:2], "why")
    assert (one.route, one.beside, one.before) == ("predict", {}, before["predict"])
    single = changes.entry(house.engine.settings, alone, "ops", "pause", {}, alone.states, "why")
    assert (single.route, single.beside, single.before) == ("alone", {}, None)


def test_examples_are_those_of_all_routes_and_bounded() -> None:
    house = House(settings(*together()))
    changes = Changes(house.board)
    failed = [
        record(exchange=n, request_id=f"{route}-{n}", route=route, version=version, status=500, failure="")
        for route, version in (("features", "v2"), ("predict", "v3"))
        for n in range(MAX_AUDIT_EXAMPLES)
    ]
    changes.failed.update(failed)
    release = house.engine.release("fraud-2")
    entry = changes.entry(house.engine.settings, release, "x", "rollback", house.engine.states, release.states, "why")
    assert len(entry.examples) == MAX_AUDIT_EXAMPLES
    assert entry.examples[0].startswith("features-")
