from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.release import RouteState
from proxy.release import audit
from proxy.release.audit import GENESIS, Change, Link, canonical, digest, entry_of, seal, verify

texts = st.text(alphabet="aé ∂'\"\\{0", max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
changes = st.builds(
    Change, who=texts, action=texts, route=texts, why=texts, before=values, after=values, evidence=values
)


def chain(*made: Change) -> list[Link]:
    links: list[Link] = []
    for number, change in enumerate(made, 1):
        links.append(seal(change, number, links[-1].hash if links else GENESIS, 1.5 * number))
    return links


def fault(links: list[Link], count: int | None = None, head: str | None = None) -> str | None:
    last = links[-1].hash if links else GENESIS
    return verify(links, len(links) if count is None else count, head or last)


@settings(max_examples=40)
@given(st.lists(changes, max_size=5))
def test_a_chain_as_written_holds_and_reads_back(made: list[Change]) -> None:
    links = chain(*made)
    assert fault(links) is None
    assert [entry_of(link).why for link in links] == [change.why for change in made]


@settings(max_examples=40)
@given(st.lists(changes, min_size=1, max_size=4), st.data())
def test_any_edit_removal_or_reorder_is_found(made: list[Change], data: st.DataObject) -> None:
    links = chain(*made)
    at = data.draw(st.integers(0, len(links) - 1))
    head, count = links[-1].hash, len(links)
    how = data.draw(st.sampled_from(["edit", "edit and hash", "remove", "swap", "repeat"]))
    if how == "edit":
        links[at] = Link(links[at].body.replace('"seq":', '"seq" :'), links[at].hash)
    elif how == "edit and hash":
        body = json.dumps(json.loads(links[at].body) | {"why": "another reason than before"}, sort_keys=True)
        links[at] = Link(body, digest(body))
    elif how == "remove":
        del links[at]
    elif how == "swap" and len(links) > 1:
        links[at - 1], links[at] = links[at], links[at - 1]
    else:
        links.insert(at, links[at])
    assert fault(links, count, head) is not None


def test_faults_are_named() -> None:
    links = chain(*(Change("ops", "split", "cancer", str(n)) for n in range(3)))
    assert (
        fault([links[0], links[2]], 3, links[2].hash)
        == "entry 2 is missing or out of order: entry 3 stands in its place"
    )
    assert fault(links[:2], 3, links[2].hash) == "the chain ends after entry 2, but 3 were written"
    assert "was edited" in str(fault([Link(links[0].body + " ", links[0].hash)]))
    other = seal(Change("x", "y", "z", "w"), 3, links[1].hash, 0.0)
    assert "but the head says" in str(fault([*links[:2], other], 3, links[2].hash))
    forged = seal(Change("x", "y", "z", "w"), 2, "f" * 64, 0.0)
    assert "does not continue the chain" in str(fault([links[0], forged]))
    assert "cannot be read" in str(fault([Link("{}", digest("{}"))]))


def test_canonical_text_is_the_same_however_the_change_was_built() -> None:
    one = seal(Change("a", "b", "c", "d", before={"x": 1, "y": 2.5}), 1, GENESIS, 0.0)
    two = seal(Change("a", "b", "c", "d", before={"y": 2.5, "x": 1}), 1, GENESIS, 0.0)
    assert one == two
    assert canonical(entry_of(one)) == one.body


def test_structs_become_objects_and_nan_its_name() -> None:
    link = seal(
        Change("a", "b", "c", "d", after=RouteState("r", "steady", "v1"), evidence=[float("nan")]), 1, GENESIS, 0.0
    )
    entry = entry_of(link)
    assert (entry.after["primary"], entry.evidence) == ("v1", ["nan"])
    with pytest.raises(msgspec.MsgspecError):
        entry_of(Link("[]", ""))


def test_chains_of_other_versions_hold() -> None:
    """An entry with fewer fields, or more, than this version writes is still what it was when it was written."""
    whole = json.loads(seal(Change("a", "b", "c", "d"), 1, GENESIS, 0.0).body)
    for other in ({k: v for k, v in whole.items() if k != "examples"}, whole | {"signed": True}):
        body = canonical(other)
        assert fault([Link(body, digest(body))]) is None


def test_an_entry_that_cannot_be_read_says_so_in_its_place() -> None:
    link = audit.seal(audit.Change("ops", "split", "r", "because"), 1, audit.GENESIS, 0.0)
    assert audit.legible(1, "r", link) is link
    for body in ("{", "7", "\udcff", ""):
        shown = audit.legible(4, "r", audit.Link(body, "hash"))
        entry = audit.entry_of(shown)
        assert (entry.seq, entry.action, entry.route, shown.hash) == (4, "damaged", "r", "hash")
        assert audit.verify([audit.Link(body, audit.digest(body))], 1, "") is not None
