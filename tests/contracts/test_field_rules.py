"""Targets, hosts and lengths."""

from __future__ import annotations

import pytest

from proxy.contracts.field_rules import content_length, host_is_clean, target_is_clean


@pytest.mark.parametrize("target", [b"/", b"/a/b?c=d&e", b"//", b"/%20"])
def test_targets_in_origin_form(target: bytes) -> None:
    assert target_is_clean(target)


@pytest.mark.parametrize("target", [b"", b"*", b"a", b"http://h/", b"/a b", b"/a#b", b"/\xc3\xa9", b"/\x7f", b"/\x00"])
def test_other_targets(target: bytes) -> None:
    assert not target_is_clean(target)


@pytest.mark.parametrize("host", [b"h", b"h:80", b"h:", b"[::1]", b"[::1]:80", b"a.b-c_d", b"1.2.3.4:5"])
def test_hosts(host: bytes) -> None:
    assert host_is_clean(host)


@pytest.mark.parametrize(
    "host", [b"", b":80", b"h:x", b"h:80:81", b"a b", b"a,b", b"u@h", b"h/p", b"[::1]80", b"h?", b"h\\", b"\xc3\xa9"]
)
def test_what_is_no_host(host: bytes) -> None:
    assert not host_is_clean(host)


@pytest.mark.parametrize(("value", "length"), [(b"0", 0), (b"007", 7), (b"9" * 18, 10**18 - 1)])
def test_lengths(value: bytes, length: int) -> None:
    assert content_length(value) == length


@pytest.mark.parametrize("value", [b"", b"+1", b"-1", b"1 ", b"1,1", b"0x1", b"1_0", b"9" * 19, "١".encode()])
def test_what_smuggling_is_made_of_is_no_length(value: bytes) -> None:
    assert content_length(value) is None
