"""A message: links, bounds, and an id that is the same for the same."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.messages import Account
from proxy.control.messages.message import moment
from tests.control.messages.notes import MESSAGE, RESOLVED


def test_links_begin_with_the_page_and_there_are_none_without_it() -> None:
    assert MESSAGE.runbook == "https://penumbra.example/runbook#breach-error-rate"
    assert MESSAGE.link == "https://penumbra.example/#/routes/fraud?at=1700000000"
    assert replace(MESSAGE, routes=()).link == "https://penumbra.example/#/"
    odd = replace(MESSAGE, routes=("a/b?c",)).link
    assert odd == "https://penumbra.example/#/routes/a%2Fb%3Fc?at=1700000000"
    told = replace(MESSAGE, account=Account("fraud@7"))
    assert told.link == "https://penumbra.example/#/routes/fraud/releases/fraud%407"
    bare = replace(MESSAGE, base="")
    assert (bare.link, bare.runbook) == ("", "")


def test_a_message_that_is_sent_twice_has_one_id_and_another_has_another() -> None:
    assert replace(MESSAGE, again=True).id == MESSAGE.id != RESOLVED.id


def test_keys_and_names_are_bounded_and_stay_apart() -> None:
    one, other = (replace(MESSAGE, key="k" * 300 + end) for end in "ab")
    assert len(one.dedup) <= 200 and one.dedup != other.dedup and MESSAGE.dedup == MESSAGE.key
    assert replace(MESSAGE, routes=tuple("abcdefghijkl")).named == "a, b, c, d, e, f, g, h, i, j and 2 more"


def test_times_are_rfc_3339() -> None:
    assert moment(1700000000.5) == "2023-11-14T22:13:20.500Z"
