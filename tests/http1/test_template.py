"""What a template makes of a head is what the parser makes of it, and what the parser refuses has no template."""

from inspect import isdatadescriptor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1 import request
from proxy.http1.request_head import Http1RequestHead
from tests.support.transcripts import read_requests

OURS = ("rendered", "shape")
MEANING = [name for name, kind in vars(Http1RequestHead).items() if isdatadescriptor(kind) and name not in OURS]
ODD = [b"", b" ", b"a ", b"\ta", b"a\tb", b"+1", b"1,2", b"\x80", b"\x01"]
VALUES = st.one_of(
    st.sampled_from([b"1", b"12", b"00-4bf9-01", b"a b", *ODD]),
    st.text("abc09-:;= ", max_size=12).map(str.encode),
)
DECIDING = [
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "Connection",
    "Expect",
    "X-Request-Id",
    "x-request-id",
]
OTHERS = ["Traceparent", "traceparent", "Cookie", "authorization", "x-b3-TraceId", "x-other", "x-forwarded-for"]
NAMES = st.sampled_from([name.encode() for name in DECIDING + OTHERS])
SIZES = st.sampled_from([b"0", b"1", b"2", b"3"])


@st.composite
def fields(draw: st.DrawFn) -> list[tuple[bytes, bytes, bytes]] | None:
    """Mostly what a parser admits: the length of a small body, and fields that are there once."""
    names = draw(
        st.lists(NAMES, max_size=5, unique_by=lambda name: name.lower() if draw(st.integers(0, 9)) else object())
    )
    colons = st.sampled_from([b": "] * 9 + [b":", b":  ", b" : "])
    usual = st.sampled_from([b"1", b"00-4bf9-01", b"a b"])
    values = [SIZES if name.lower() == b"content-length" else usual for name in names]
    return [(name, draw(colons), draw(value)) for name, value in zip(names, values, strict=True)]


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    request.forget()


def whole(fields: list[tuple[bytes, bytes, bytes]], body: bytes = b"") -> bytes:
    lines = b"".join(name + colon + value + b"\r\n" for name, colon, value in fields)
    return b"POST /infer HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n" + body


def transcript(*messages: bytes) -> tuple[list[dict[str, Any]], list[bytes], int, Any]:
    reader, problem = read_requests(iter(messages))
    heads = [{name: getattr(head, name) for name in MEANING} for head in reader.heads]
    return heads, reader.bodies, reader.ends, problem and (problem.reason, problem.detail)


@given(fields(), st.lists(st.tuples(st.integers(0, 4), st.one_of(VALUES, SIZES)), max_size=3), st.integers(0, 3))
def test_a_template_reads_what_the_parser_reads(
    known: list[tuple[bytes, bytes, bytes]], changes: list[tuple[int, bytes]], size: int
) -> None:
    changed = list(known)
    for at, value in changes:
        if at < len(changed):
            changed[at] = (*changed[at][:2], value)
    request.forget()
    expected = transcript(whole(changed, b"x" * size))
    request.forget()
    for body in (b"", b"x", b"xx", b"xxx"):
        transcript(whole(known, body))
    assert transcript(whole(changed, b"x" * size)) == expected


def head(trace: bytes = b"00-1", request_id: bytes = b"a-1", length: int = 2) -> bytes:
    fields = [(b"x-request-id", request_id), (b"traceparent", trace), (b"content-length", b"%d" % length)]
    return whole([(name, b": ", value) for name, value in fields], b"x" * length)


def by_template(raw: bytes) -> Http1RequestHead | None:
    return request._TEMPLATES.head_of(raw[: raw.index(b"\r\n\r\n") + 4])[0]


def test_only_values_differ_so_it_is_not_parsed_again() -> None:
    transcript(head())
    found = by_template(head(b"00-2", b"b-2", 117))
    assert (found.request_id, found.length) == (b"b-2", 117)
    assert found.fields == b"traceparent: 00-2\r\nx-request-id: b-2\r\n"


@pytest.mark.parametrize(
    "other",
    [
        head().replace(b"traceparent: 00-1", b"traceparent: "),
        head().replace(b"x-request-id: a-1", b"x-request-id: a\x01"),
        head().replace(b"content-length: 2", b"content-length: +2"),
        head().replace(b"content-length: 2", b"content-length: 2\r\ncontent-length: 2"),
        head().replace(b"traceparent: ", b"traceparent:"),
        head().replace(b"Host: h", b"Host: i"),
        head().replace(b"POST /infer", b"POST /other"),
    ],
)
def test_what_is_not_quite_the_same_is_parsed(other: bytes) -> None:
    transcript(head())
    assert by_template(other) is None


def test_an_empty_value_does_not_give_its_place_to_another() -> None:
    transcript(head().replace(b"traceparent: 00-1", b"traceparent: "))
    assert by_template(head().replace(b"x-request-id: a-1", b"x-request-id: ")) is None


@pytest.mark.parametrize(
    "odd",
    [
        b"traceparent: 1\r\ntraceparent: 2\r\n",
        b"x-request-id:1\r\nx-request-id: 1\r\n",
        b"Authorization:1\r\nAuthorization: 1\r\n",
        b"Authorization:  1\r\nauthorization: 1\r\n",
        b"traceparent: 1\r\nConnection: traceparent\r\n",
        b"x-request-id: 1\r\nConnection: x-request-id\r\n",
        b"Expect: 100-continue\r\ncontent-length: 0\r\ntraceparent: 1\r\n",
    ],
)
def test_heads_of_which_it_is_not_sure_where_a_value_goes_make_no_template(odd: bytes) -> None:
    raw = b"POST /infer HTTP/1.1\r\nHost: h\r\n" + odd + b"\r\n"
    transcript(raw)
    assert by_template(raw) is None
