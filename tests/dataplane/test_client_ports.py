"""What a client's stream does where its protocol has nothing of its own to say."""

from __future__ import annotations

from proxy.contracts.failure import FAILURES
from tests.support.fakes import FakeClient


def test_an_answer_that_is_cut_is_reset_where_there_is_no_place_for_a_reason() -> None:
    client = FakeClient()
    client.cut(FAILURES["reset"], "the server closed")
    assert client.ends == ["cut off"]


def test_a_client_takes_fields_of_any_size_unless_it_has_said_more() -> None:
    assert FakeClient().takes_fields(b"x" * 65536, 100)
