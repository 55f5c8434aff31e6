"""An exported story proves itself: whatever is taken out, put in or changed is found."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Release, Stage
from proxy.release import transitions
from proxy.release.audit import GENESIS, Change, Link, seal
from proxy.release.history import NoSuchReleaseError
from proxy.release.story_export import (
    StoryExport,
    UnreadableExportError,
    exported,
    fault_of,
    read_export,
    story_in,
)
from tests.support import packages
from tests.support.packages import PASSED, package

REPORT = '{"route": "cancer"}'
KNOWN = replace(PASSED, report=sha256(REPORT.encode()).hexdigest())
STEADY = RouteState("cancer", "steady", "v1")
BEGUN = transitions.start(STEADY, Release("v2", "canary", (Stage(canary=5.0, requests=1),)), "try it", 1.0)
BACK = transitions.rollback(BEGUN, (), "error_rate ratio 3 > limit 1.5", 2.0)
LINEAGE = {"v2": {"endpoint": "127.0.0.1:2", "lineage": {"commit": "4f2a91c"}, "package": package("v2", KNOWN)}}
OTHER = RouteState("other", "steady", "v1")
CHANGES = (
    Change("ops", "split", "other", "before", OTHER, OTHER),
    Change("ops", "split", "cancer", "before", STEADY, STEADY),
    Change("alice", "release", "cancer", "try it", STEADY, BEGUN, lineage=LINEAGE),
    Change("ops", "split", "other", "beside", OTHER, OTHER),
    Change("scorecard", "rollback", "cancer", BACK.reason, BEGUN, BACK, lineage=LINEAGE, examples=("a-1",)),
    Change("ops", "split", "other", "after", OTHER, OTHER),
)


def chain(changes: tuple[Change, ...] = CHANGES) -> list[Link]:
    links, previous = [], GENESIS
    for seq, change in enumerate(changes, 1):
        links.append(seal(change, seq, previous, float(seq)))
        previous = links[-1].hash
    return links


def export() -> StoryExport:
    return exported(chain(), "cancer", [packages.document("v2", KNOWN).decode()], [REPORT])


def test_it_holds_and_tells_the_release() -> None:
    made = export()
    assert (made.release, made.before, len(made.links), fault_of(made)) == ("cancer@3", 2, 3, "")
    assert fault_of(made, made.links[1].hash) == ""
    assert "no entry has the hash" in fault_of(made, "f" * 64)
    story = story_in(made)
    assert (story.candidate, [entry.action for entry in story.entries]) == ("v2", ["release", "rollback"])
    assert read_export(msgspec.json.format(msgspec.json.encode(made))) == made


def test_a_chain_from_its_beginning_says_so() -> None:
    made = exported(chain(CHANGES[2:]), "cancer")
    assert (made.before, made.previous, fault_of(made)) == (0, GENESIS, "")
    assert fault_of(replace(made, previous="a" * 64)) != ""


@given(data=st.data())
def test_an_edit_is_found(data: st.DataObject) -> None:
    made = export()
    index = data.draw(st.integers(0, len(made.links) - 1))
    link = made.links[index]
    at = data.draw(st.integers(0, len(link.body) - 1))
    body = link.body[:at] + data.draw(st.sampled_from("0aZ}")) + link.body[at + 1 :]
    edited = data.draw(st.sampled_from([Link(body, link.hash), Link(link.body, "0" * 64)]))
    links = (*made.links[:index], edited, *made.links[index + 1 :])
    assert (edited == link) == (fault_of(replace(made, links=links)) == "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"links": ()}, "no entries"),
        ({"before": 1}, "out of order"),
        ({"previous": "a" * 64}, "does not continue"),
        ({"release": "other@4"}, "does not tell of other@4"),
        ({"packages": (packages.document("v2").decode(),)}, "not the one that the entries name"),
        ({"packages": (packages.document("v2", PASSED).decode(),)}, "not the one that the entries name"),
        ({"packages": ("{}",)}, "cannot be used"),
        ({"packages": ()}, "none that its packages name"),
        ({"reports": ("{}",)}, "none that its packages name"),
    ],
)
def test_what_does_not_belong_together_is_said(change: dict[str, object], why: str) -> None:
    assert why in fault_of(replace(export(), **change))


def test_links_left_out_are_missed() -> None:
    made = export()
    assert "missing or out of order" in fault_of(replace(made, links=made.links[::2]))
    assert "does not tell" in fault_of(replace(made, links=made.links[1:], before=3, previous=made.links[0].hash))
    longer = replace(made, links=tuple(chain()[1:]), before=1, previous=chain()[0].hash)
    assert "not the one that began" in fault_of(longer)


def test_what_is_none_is_refused() -> None:
    with pytest.raises(NoSuchReleaseError):
        exported(chain(), "other")
    for body in (b"", b"[]", b"{}", b"[" * 100_000, msgspec.json.encode(replace(export(), format="else"))):
        with pytest.raises(UnreadableExportError):
            read_export(body)


def test_nothing_stands_beside_what_is_proved_and_nothing_twice() -> None:
    whole = msgspec.json.encode(export())
    assert read_export(whole) == export()
    for wrong in (
        whole[:-1] + b',"verdict":"pass"}',
        whole[:-1] + b',"release":"cancer@3"}',
        whole.replace(b'{"body":', b'{"who":"me","body":', 1),
        whole.replace(b'{"body":', b'{"body":"{}","body":', 1),
    ):
        with pytest.raises(UnreadableExportError, match="no story of a release: "):
            read_export(wrong)
