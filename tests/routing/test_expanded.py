"""Content codings are taken off within bounds, of whole bodies and of their beginnings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.expanded import MAX_EXPANDED, expanded

WRITERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"zstd": zstandard.ZstdCompressor().compress,
    b"br": brotli.compress,
}


@given(st.binary(min_size=1, max_size=400), st.lists(st.sampled_from(sorted(WRITERS)), max_size=4))
def test_any_codings_are_taken_off(plain: bytes, codings: list[bytes]) -> None:
    body = plain
    for coding in codings:
        body = WRITERS[coding](body)
    assert expanded(body, b", ".join(codings), True) in ((plain, True), (plain, len(plain) < MAX_EXPANDED))


@given(st.binary(max_size=200), st.lists(st.sampled_from([*WRITERS, b"x"]), max_size=5), st.booleans())
def test_nothing_raises(body: bytes, codings: list[bytes], whole: bool) -> None:
    expanded(body, b",".join(codings), whole)


@pytest.mark.parametrize("coding", WRITERS)
def test_what_becomes_large_is_cut(coding: bytes) -> None:
    taken = expanded(WRITERS[coding](bytes(8 * MAX_EXPANDED)), coding, True)
    assert taken is not None and len(taken[0]) <= MAX_EXPANDED and not taken[1]


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br"])
def test_a_body_that_is_cut_is_a_beginning_or_nothing(coding: bytes) -> None:
    body = WRITERS[coding](b"".join(b"%d," % number for number in range(9999)))[:-99]
    assert expanded(body, coding, True) is None
    taken = expanded(body, coding, False)
    assert taken is not None and taken[0].startswith(b"0,1,2,") and not taken[1]
