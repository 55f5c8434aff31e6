"""A head that differs from another in what differs from request to request."""

from __future__ import annotations

from proxy.http1.rendered import Rendered
from proxy.http1.request_head import Http1RequestHead


def test_a_varied_head_keeps_the_framing_and_has_fields_of_its_own() -> None:
    head = Http1RequestHead(b"POST", b"h:80", b"/infer", b"A: 1\r\n")
    head.http10, head.keep_alive, head.shadowed = True, False, True
    head.length, head.request_id = 5, b"first"
    other = head.varied(b"A: 2\r\n", 7, b"second")
    assert (other.method, other.authority, other.target) == (b"POST", b"h:80", b"/infer")
    assert (other.http10, other.keep_alive, other.shadowed) == (True, False, True)
    assert (other.fields, other.length, other.request_id) == (b"A: 2\r\n", 7, b"second")
    assert (head.fields, head.length, head.request_id) == (b"A: 1\r\n", 5, b"first")


def test_what_write_made_of_a_head_is_not_that_of_the_other() -> None:
    head = Http1RequestHead(b"GET", b"h", b"/")
    head.rendered = Rendered(0, b"", b"h", b"GET / HTTP/1.1\r\n", None)
    assert head.varied(b"", 0, b"id").rendered is None


def test_a_connection_goes_on_unless_it_says_otherwise() -> None:
    head = Http1RequestHead(b"GET", b"h", b"/")
    assert (head.http10, head.keep_alive, head.expects, head.upgrade) == (False, True, False, b"")
