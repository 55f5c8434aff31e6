"""`traceparent` as W3C Trace Context Level 2 reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.telemetry.trace_context import TraceContext, trace_context

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def read(value: str, name: str = "traceparent") -> TraceContext | None:
    return trace_context(f"accept: */*\r\n{name}: {value}\r\nx: y\r\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-00", 0),
        (f"00-{TRACE}-{PARENT}-01", 1),
        (f"00-{TRACE}-{PARENT}-03", 3),
        (f"00-{TRACE}-{PARENT}-fd", 1),
        (f" \t00-{TRACE}-{PARENT}-01 \t", 1),
        (f"01-{TRACE}-{PARENT}-01", 1),
        (f"cc-{TRACE}-{PARENT}-01-what-comes-later", 1),
        (f"cc-{TRACE}-{PARENT}-01-", 1),
    ],
)
def test_what_is_valid(value: str, flags: int) -> None:
    assert read(value) == read(value, "TraceParent") == TraceContext(TRACE, PARENT, flags)
    assert TraceContext(TRACE, PARENT, flags).sampled == bool(flags & 1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01.what",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{TRACE}-{PARENT}-0A",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
    ],
)
def test_what_is_not_is_as_if_it_were_not_there(value: str) -> None:
    assert read(value) is None


def test_two_fields_say_nothing_and_none_says_nothing() -> None:
    line = f"traceparent: 00-{TRACE}-{PARENT}-01\r\n".encode()
    assert trace_context(line) is not None
    assert trace_context(line * 2) is None
    assert trace_context(b"x-" + line) is None
    assert trace_context(b"") is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255), st.integers(0, 254), st.booleans())
def test_any_ids_are_read_as_they_were_written(trace: int, parent: int, flags: int, version: int, longer: bool) -> None:
    more = "-x" if longer and version else ""
    found = read(f"{version:02x}-{trace:032x}-{parent:016x}-{flags:02x}{more}")
    assert found == TraceContext(f"{trace:032x}", f"{parent:016x}", flags & 3)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_context_are_none(noise: bytes) -> None:
    """Fewer bytes than a context has, or a letter that no context has, and no exception."""
    assert trace_context(noise.replace(b":", b"")) is None
    assert trace_context(b"traceparent: " + noise[:54]) is None
    assert trace_context(b"traceparent: g" + noise) is None
