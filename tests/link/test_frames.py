"""Frames survive any cutting; what is not a frame breaks the link and nothing else."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.table import Match, Route, Share, Table, Version
from proxy.link.frames import (
    MAX_FRAME,
    Ack,
    Apply,
    BatchWriter,
    BrokenLinkError,
    FrameReader,
    Hello,
    Records,
    Ticks,
    encode,
    encode_record,
)
from tests.support.records import record as made

RECORD = made(role="shadow", request=b"a", response=b"\x00\xff")
TABLE = Table(3, {"v": Version("v", "h", 1, "h:1")}, (Route("r", Match("/"), "oip", "v", split=(Share("v", 1.0),)),))
MESSAGES = [
    Hello(0, "abc", 7),
    Ticks(Tick(0, "abc", 1, 3, arms=[ArmTick("r", "v", "canary", 0.1, {"200": 5}, total={-300: 5})])),
    Records(0, "abc", [RECORD]),
    Apply(TABLE),
    Ack(1, 0.5),
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=8), st.lists(st.integers(0, 2000), max_size=10))
def test_any_cutting(messages: list[Any], cuts: list[int]) -> None:
    data = b"".join(map(encode, messages))
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    reader, read = FrameReader(), []
    for start, end in itertools.pairwise(ends):
        read += reader.feed(data[start:end])
    assert read == messages


def test_a_length_beyond_the_limit_breaks_the_link() -> None:
    with pytest.raises(BrokenLinkError, match="over the limit"):
        FrameReader().feed((MAX_FRAME + 1).to_bytes(4, "big"))


@given(st.binary(max_size=60))
def test_what_cannot_be_read_breaks_the_link(body: bytes) -> None:
    try:
        messages = FrameReader().feed(len(body).to_bytes(4, "big") + body)
    except BrokenLinkError:
        return
    assert len(messages) == 1


@given(st.lists(st.builds(bytes, st.integers(0, 300)), max_size=300))
def test_records_that_were_encoded_one_by_one_are_a_batch(bodies: list[bytes]) -> None:
    records = [made(exchange=at, response=body) for at, body in enumerate(bodies)]
    buffer = bytearray()
    for record in records:
        encode_record(record, buffer, -1)
    (batch,) = FrameReader().feed(BatchWriter(3, "abc").frame(len(records), buffer))
    assert batch == Records(3, "abc", records)
