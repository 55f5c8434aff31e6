"""What requests carry: numbers of a query, and the tags that a change was decided on."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.control.api.problems import ApiError
from proxy.control.api.requests import MAX_DIGITS, if_match, whole


@pytest.mark.parametrize(("query", "number"), [("", 7), ("?limit=0", 0), ("?limit=10", 10), ("?limit=0010", 10)])
def test_a_number_of_a_query(query: str, number: int) -> None:
    assert whole(make_mocked_request("GET", f"/{query}"), "limit", 7, 10) == number


@pytest.mark.parametrize("text", ["-1", "11", "x", "1.0", "", "%D9%A3", "0" * MAX_DIGITS + "1"])
def test_what_is_no_such_number_is_refused_and_named(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        whole(make_mocked_request("GET", f"/?limit={text}"), "limit", 7, 10)
    assert refused.value.field == "limit"


@pytest.mark.parametrize("tags", ["*", '"a"', '"b", "a"'])
def test_a_change_from_what_is_there_goes_on(tags: str) -> None:
    if_match(make_mocked_request("POST", "/", headers={"If-Match": tags}), '"a"')


@pytest.mark.parametrize("tags", ['"b"', 'W/"a"', "a"])
def test_a_change_from_another_picture_is_refused(tags: str) -> None:
    with pytest.raises(ApiError) as refused:
        if_match(make_mocked_request("POST", "/", headers={"If-Match": tags}), '"a"')
    assert (refused.value.kind, refused.value.headers) == ("changed", {"ETag": '"a"'})
