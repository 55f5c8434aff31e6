"""What versions are told about a client: fields that it cannot write itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.field_rules import same_name
from proxy.contracts.table import Forwarded
from proxy.dataplane.introduction import Introduction, address_of
from proxy.http1.request_head import Http1RequestHead
from proxy.http2.hpack_reader import NeverIndexed

WHO = b"x-client-identity"


def head(fields: bytes, authority: bytes = b"models") -> Http1RequestHead:
    return Http1RequestHead(b"GET", authority, b"/v2", fields)


def told(
    kind: Forwarded, fields: bytes, authority: bytes = b"models", peer: bytes = b"192.0.2.7", identity: bytes = b""
) -> bytes:
    introduction = Introduction(kind, frozenset((WHO,)), peer, b"https", identity)
    return introduction.told(head(fields, authority)).fields


@pytest.mark.parametrize(
    ("kind", "sent", "got"),
    [
        ("none", b"X-Forwarded-For: 1.1.1.1\r\n", b"X-Forwarded-For: 1.1.1.1\r\n"),
        ("none", b"", b""),
        (
            "x-forwarded",
            b"A: b\r\nx-forwarded-for: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: gopher\r\n",
            b"A: b\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n",
        ),
        ("x-forwarded", b"", b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"),
        (
            "forwarded",
            b"Forwarded: for=1.1.1.1\r\n",
            b"Forwarded: for=1.1.1.1, for=192.0.2.7;host=models;proto=https\r\n",
        ),
    ],
)
def test_the_client_is_appended_to_those_before_it(kind: Forwarded, sent: bytes, got: bytes) -> None:
    assert told(kind, sent) == got


def test_values_of_forwarded_are_quoted_where_they_have_to_be() -> None:
    got = told("forwarded", b"", b"models:8080", b"2001:db8::1")
    assert got == b'Forwarded: for="[2001:db8::1]";host="models:8080";proto=https\r\n'
    assert told("forwarded", b"", b"", b"") == b"Forwarded: for=unknown;proto=https\r\n"


NAMES = st.sampled_from([WHO, b"X-Client-Identity", b"x_client_identity", b"X-CLIENT_identity", b"other", b"X-Client"])


@given(st.lists(st.tuples(NAMES, st.sampled_from([b"me", b"", b"a: b"]))), st.sampled_from([b"", WHO + b": proved"]))
def test_no_client_writes_its_own_identity(sent: list[tuple[bytes, bytes]], identity: bytes) -> None:
    fields = b"".join(b"%b: %b\r\n" % each for each in sent)
    got = told("none", fields, identity=identity).split(b"\r\n")[:-1]
    assert [line for line in got if same_name(line) == WHO] == ([identity] if identity else [])
    others = [b"%b: %b" % (name, value) for name, value in sent if name in (b"other", b"X-Client")]
    assert [line for line in got if same_name(line) != WHO] == others


def test_nor_in_trailers() -> None:
    introduction = Introduction("x-forwarded", frozenset((WHO,)), b"", b"http", b"")
    assert introduction.trailers(b"x-sum: 1\r\nX_Client-Identity: me\r\nX-Forwarded-For: me\r\n") == b"x-sum: 1\r\n"
    assert introduction.trailers(b"X-Client-Identity: me\r\n") == b""


def test_a_head_that_comes_again_is_made_once() -> None:
    introduction, one = Introduction("x-forwarded", frozenset(), b"1.1.1.1", b"http", b""), head(b"a: b\r\n")
    assert introduction.told(one) is introduction.told(one)
    assert introduction.told(head(b"")).fields != introduction.told(one).fields


@pytest.mark.parametrize(
    ("peername", "address"),
    [
        (("192.0.2.1", 80), b"192.0.2.1"),
        (("::ffff:192.0.2.1", 80, 0, 0), b"192.0.2.1"),
        (("2001:DB8::1", 80, 0, 0), b"2001:db8::1"),
        (("fe80::1%eth0", 80, 0, 2), b"fe80::1"),
        ("/a/socket", b""),
        (None, b""),
    ],
)
def test_an_address_is_written_as_others_write_it(peername: object, address: bytes) -> None:
    assert address_of(peername) == address


def test_trailers_that_no_table_may_keep_stay_so() -> None:
    who = Introduction("none", frozenset((b"x-who",)), b"::1", b"http", b"")
    assert type(who.trailers(NeverIndexed(b"x-sum: 1\r\nX_Who: me\r\n"))) is NeverIndexed
    assert who.trailers(NeverIndexed(b"x-sum: 1\r\nX_Who: me\r\n")) == b"x-sum: 1\r\n"
    assert type(who.trailers(b"x-sum: 1\r\n")) is bytes
