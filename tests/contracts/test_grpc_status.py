"""Codes of gRPC and statuses of HTTP."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import (
    HTTP_STATUS,
    LABELS,
    MAX_MESSAGE,
    MAX_TOLD,
    NAMES,
    code_of,
    code_of_failure,
    escaped,
    is_grpc,
    joined_status,
    label_of,
    status_of,
    unescaped,
)
from proxy.contracts.outcome import outcome_of, outcome_of_status


def test_every_code_has_a_name_and_a_status() -> None:
    assert sorted(HTTP_STATUS) == list(range(len(NAMES)))


def test_a_version_is_charged_with_the_codes_of_servers() -> None:
    failed = {NAMES[code] for code, status in HTTP_STATUS.items() if outcome_of_status(status) == "failed"}
    assert failed == {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
    assert [outcome_of_status(HTTP_STATUS[code]) for code in (0, 3, 8)] == ["good", "refused", "refused"]


@pytest.mark.parametrize(
    ("value", "http", "code"),
    [
        (b"0", 200, 0),
        (b"14", 200, 14),
        (b"99", 200, 2),
        (b"-1", 200, 2),
        (b"1e1", 200, 2),
        (b"", 200, 2),
        (b"9" * 5_000, 200, 2),
        (None, 503, 14),
        (None, 404, 12),
        (None, 401, 16),
        (None, 200, 2),
        (None, 500, 2),
        (b"0", 500, 2),
        (b"0", 404, 12),
        (b"0", 204, 2),
        (b"3", 500, 3),
    ],
)
def test_the_code_of_an_answer(value: bytes | None, http: int, code: int) -> None:
    assert code_of(value, http) == code


@given(
    st.lists(st.sampled_from([b"0", b"00", b"2", b"13", b"", b"x"]), max_size=4), st.sampled_from([200, 204, 404, 500])
)
def test_an_answer_is_ok_only_where_every_client_takes_it_for_that(values: list[bytes], http: int) -> None:
    code = code_of(joined_status(values), http)
    assert (code == 0) == (http == 200 and set(values) in ({b"0"}, {b"00"}))


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("no_route", "UNIMPLEMENTED"),
        ("connect_failed", "UNAVAILABLE"),
        ("draining", "UNAVAILABLE"),
        ("response_timeout", "DEADLINE_EXCEEDED"),
        ("body_timeout", "DEADLINE_EXCEEDED"),
        ("body_too_large", "RESOURCE_EXHAUSTED"),
        ("overloaded", "RESOURCE_EXHAUSTED"),
        ("internal", "INTERNAL"),
    ],
)
def test_what_this_proxy_says_itself(reason: str, name: str) -> None:
    assert NAMES[code_of_failure(reason, FAILURES[reason].status)] == name


def test_every_failure_of_ours_is_one_to_a_client_of_grpc() -> None:
    assert all(code_of_failure(each.reason, each.status) for each in FAILURES.values())


@given(st.text(max_size=200))
def test_a_message_is_escaped_and_read_again(message: str) -> None:
    written = escaped(message)
    assert all(0x20 <= byte < 0x7F for byte in written)
    assert unquote_to_bytes(written) == message.encode()


def test_a_message_is_bounded() -> None:
    assert len(escaped("x" * 10_000)) == MAX_MESSAGE


def test_a_label_is_the_outcome_of_its_code() -> None:
    assert [status_of(label) for label in LABELS] == list(HTTP_STATUS.values())
    assert status_of("reset") is None
    assert [outcome_of(LABELS[code]) for code in (0, 5, 14)] == ["good", "refused", "failed"]


def test_messages_of_grpc_are_known_by_their_type() -> None:
    assert is_grpc(b"application/grpc") and is_grpc(b"Application/GRPC+proto")
    assert is_grpc(b"application/grpc; charset=utf-8")
    assert not (is_grpc(None) or is_grpc(b"application/json"))
    assert not any(map(is_grpc, (b"application/grpc-web", b"application/grpc-web+proto", b"application/grpc-web-text")))


@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=80))
def test_a_message_is_shown_as_it_was_written(message: str) -> None:
    assert unescaped(escaped(message)) == message


@given(st.binary(max_size=4000))
def test_whatever_a_message_holds_it_is_short_and_moves_no_cursor(raw: bytes) -> None:
    shown = unescaped(raw)
    assert len(shown) <= MAX_TOLD
    assert shown.isprintable() or not shown


def test_what_would_colour_a_terminal_is_replaced() -> None:
    assert unescaped(b"%1b[31mred%0a%ff 100%") == "\ufffd[31mred\ufffd\ufffd 100%"


def test_a_code_is_shown_with_its_name() -> None:
    assert [label_of(code) for code in (0, 14)] == ["grpc:0 OK", "grpc:14 UNAVAILABLE"]
