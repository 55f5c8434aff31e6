"""Which requests are sent again: a table of the route's word, the request, and what its connection has shown."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.message import RequestHead
from proxy.contracts.table import Retry
from proxy.dataplane.resend import IDEMPOTENT, REFUSALS, decide, is_idempotent
from tests.support.plane import get, plane, post, route, run
from tests.support.scripted import Request, Script, Served, answer, says, says_and_closes

WORDS = get_args(Retry)
METHODS = (*sorted(IDEMPOTENT), b"POST", b"PATCH")


def head(method: bytes, key: bool = False) -> RequestHead:
    return RequestHead(method, b"models", b"/", b"Idempotency-Key: 8e03978e\r\n" if key else b"")


@given(st.sampled_from(WORDS), st.sampled_from(METHODS), st.booleans(), st.booleans(), st.booleans())
def test_the_rules_of_the_table(retry: str, method: bytes, key: bool, stale: bool, again: bool) -> None:
    asked = head(method, key)
    sent, why = decide(retry, asked, stale, again)
    harmless = key or method in IDEMPOTENT
    due = stale or retry == "always" or (retry == "idempotent" and harmless)
    assert sent == (due and retry != "never" and not again)
    assert why == ("stale" if stale else "reset") if sent else why in REFUSALS
    if sent and not stale and not harmless:
        assert retry == "always", "RFC 9110 §9.2.2: no other POST that may have been processed is sent again"


@pytest.mark.parametrize("method", METHODS)
def test_a_key_makes_a_request_idempotent(method: bytes) -> None:
    assert is_idempotent(head(method, True)) and is_idempotent(head(method)) == (method in IDEMPOTENT)


def crashes(times: int) -> Script:
    """Answers the first request; after that `times` connections end, in order, once their request was read."""
    seen = 0
    fine, ends = says(answer(b"one")), says_and_closes(b"")

    async def script(served: Served, request: Request) -> bool:
        nonlocal seen
        seen += 1
        return await (ends if 1 < seen <= 1 + times else fine)(served, request)

    return script


KEY = "Idempotency-Key: 8e03978e\r\n"


@pytest.mark.parametrize(
    ("retry", "raw", "statuses"),
    [
        ("unprocessed", get(), [200, 502]),
        ("idempotent", get(), [200, 200]),
        ("idempotent", post(), [200, 502]),
        ("idempotent", post(fields=KEY), [200, 200]),
        ("always", post(b"x" * 300_000), [200, 200]),
        ("never", get(), [200, 502]),
    ],
)
def test_a_crash_after_the_request_was_taken(retry: Retry, raw: bytes, statuses: list[int]) -> None:
    """Both tries count as legs of the version: the one on which it crashed has failed."""

    async def test() -> None:
        async with plane(route(retry=retry), v1=crashes(1)) as p:
            replies = [await p.ask(raw) for _ in range(2)]
            assert [reply.status for reply in replies] == statuses
            await p.settled()
            again = statuses[1] == 200
            assert p.rows("retries") == ({("r", "v1", "reset"): 1} if again else {})
            assert p.codes() == {("v1", "primary", "200"): 1 + again, ("v1", "primary", "reset"): 1}
            told = {"unprocessed": "processed", "idempotent": "not_idempotent", "never": "never"}
            assert p.rows("not_retried") == ({} if again else {("r", "v1", told[retry]): 1})
            if not again:
                assert REFUSALS[told[retry]] in replies[1].body.decode()

    run(test)


def test_once() -> None:
    async def test() -> None:
        async with plane(route(retry="always"), v1=crashes(2)) as p:
            assert [(await p.ask(post())).status for _ in range(3)] == [200, 502, 200]
            await p.settled()
            assert p.rows("not_retried") == {("r", "v1", "again"): 1}
            assert p.codes() == {("v1", "primary", "200"): 2, ("v1", "primary", "reset"): 2}

    run(test)
