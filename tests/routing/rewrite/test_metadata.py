"""Fields of REST as metadata of a call."""

from __future__ import annotations

import base64
import binascii
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.rewrite.metadata import as_metadata

LINE = re.compile(rb"([0-9a-z_.-]+): ([\x20-\x7e]*)\r\n")
names = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}(-bin)?", fullmatch=True)
values = st.one_of(
    st.binary(max_size=8).map(base64.b64encode), st.from_regex(rb"[\x20-\x7e\x80-\xff]{0,8}", fullmatch=True)
)


@given(st.lists(st.tuples(names, values)))
def test_what_is_left_is_metadata_and_what_is_metadata_is_left(fields: list[tuple[bytes, bytes]]) -> None:
    lines = [b"%b: %b\r\n" % field for field in fields]
    left = as_metadata(b"".join(lines))
    kept = left.splitlines(keepends=True)
    assert kept == [line for line in lines if line in kept], "in their order, as they were"
    for line in lines:
        name, value = line[:-2].split(b": ", 1)
        low = name.lower()
        plain = re.fullmatch(rb"[0-9a-z_.-]+", low) and value.isascii() and not low.startswith(b"grpc-")
        assert (line in kept) == bool(plain and (not low.endswith(b"-bin") or _is_base64(value)))


def _is_base64(value: bytes) -> bool:
    for each in value.split(b","):
        text = each.strip()
        bare = text.rstrip(b"=")
        try:
            base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        except binascii.Error:
            return False
        if (text != bare and len(text) % 4) or len(text) - len(bare) > 2:
            return False
    return True


@pytest.mark.parametrize(
    "line", [b"grpc-timeout: 1S", b"GRPC-Trace-Bin: AAAA", b"x-a: \xe9", b"x-a-bin: ###", b"x~a: b"]
)
def test_what_servers_of_grpc_stumble_over_is_left_out(line: bytes) -> None:
    assert as_metadata(b"x-user: a\r\n" + line + b"\r\n") == b"x-user: a\r\n"
