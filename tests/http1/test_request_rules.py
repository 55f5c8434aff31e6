"""The rules for heads that llhttp has cut into pieces; `test_request.py` has the same over raw bytes."""

from __future__ import annotations

import httptools
import pytest

from proxy.contracts.failure import FAILURES
from proxy.http1.request import USUAL
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.request_rules import RequestError, admitted, refusal

Fields = list[tuple[bytes, bytes]]


def cut(
    special: Fields, target: bytes = b"/p", method: bytes = b"POST", version: str = "1.1", lines: tuple[bytes, ...] = ()
) -> Http1RequestHead:
    line = b"%b %b HTTP/%b\r\n" % (method, target, version.encode())
    raw = line + b"".join(b"%b: %b\r\n" % field for field in special) + b"\r\n"
    return admitted(raw, method, version, target, list(lines), special, USUAL.fields)


def test_fields_with_a_meaning_are_taken_and_others_passed_on() -> None:
    special = [(b"host", b"models"), (b"content-length", b"5"), (b"x-request-id", b"one"), (b"connection", b"close")]
    head = cut(special, lines=(b"accept: */*",))
    assert (head.authority, head.length, head.request_id, head.keep_alive) == (b"models", 5, b"one", False)
    assert head.fields == b"accept: */*\r\nx-request-id: one\r\n"


def test_an_absolute_target_replaces_the_host() -> None:
    head = cut([(b"host", b"models")], target=b"http://other:81?q=1")
    assert (head.authority, head.target) == (b"other:81", b"/?q=1")


HOST = (b"host", b"models")


@pytest.mark.parametrize(
    ("special", "more", "reason"),
    [
        ([], {}, "bad_request"),
        ([HOST, HOST], {}, "bad_request"),
        ([HOST, (b"content-length", b"1"), (b"content-length", b"1")], {}, "bad_request"),
        ([HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")], {}, "bad_request"),
        ([HOST, (b"transfer-encoding", b"gzip")], {}, "not_implemented"),
        ([HOST, (b"transfer-encoding", b"chunked")], {"version": "1.0"}, "bad_request"),
        ([HOST, (b"expect", b"miracles")], {}, "expectation_failed"),
        ([HOST], {"method": b"TRACE"}, "not_implemented"),
        ([HOST], {"version": "2.0"}, "version_not_supported"),
        ([HOST], {"target": b"http://"}, "bad_request"),
        ([HOST], {"lines": (b"a: b",) * USUAL.fields}, "head_too_large"),
    ],
)
def test_what_is_refused_has_a_reason(special: Fields, more: dict[str, object], reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        cut(special, **more)  # type: ignore[arg-type]
    assert refused.value.reason == reason and reason in FAILURES


def test_errors_of_the_parser_have_a_reason() -> None:
    assert refusal(httptools.HttpParserInvalidMethodError("X")).reason == "not_implemented"
    assert refusal(httptools.HttpParserError("Invalid HTTP version")).reason == "version_not_supported"
    assert refusal(httptools.HttpParserError("Invalid character")).reason == "bad_request"
