"""The corpus is read as it says, whatever the wire looks like."""

from __future__ import annotations

import gzip
import random
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from typing import Any, get_args

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.observation import UnreadReason
from proxy.contracts.table import Protocol
from proxy.payload.decode import CODECS
from tests.payload.pairs import Exchange, exchanges, read, reading
from tests.support.shuffled import shuffled

PAIRS = exchanges()
STREAMS = [name for name, pair in PAIRS.items() if pair.stream]
SPOKEN = [name for name, pair in PAIRS.items() if pair.protocol == "openai" and pair.answered.data[:1] == b"{"]
CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read_as_they_say(name: str) -> None:
    assert reading(read(PAIRS[name])) == PAIRS[name].reads


def test_there_are_pairs_of_all_protocols() -> None:
    protocols: Counter[Protocol] = Counter(pair.protocol for pair in PAIRS.values())
    assert protocols.keys() == CODECS.keys() - {"grpc"}
    assert protocols.total() >= 150 and min(protocols.values()) >= 10
    unread = {pair.reads.get("unread") for pair in PAIRS.values()} - {None}
    assert len(unread) >= 8 and unread <= set(get_args(UnreadReason))


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=6)
@given(codings=st.lists(st.sampled_from(sorted(CODINGS)), min_size=1, max_size=3))
def test_any_coding_gives_the_same_reading(name: str, codings: list[bytes]) -> None:
    pair = PAIRS[name]
    data, listed = pair.answered.data, b", ".join(codings)
    for coding in codings:
        data = CODINGS[coding](data)
    fields = pair.answered.fields + b"Content-Encoding: " + listed + b"\r\n"
    assert reading(read_with(pair, data, fields)) == pair.reads


def read_with(pair: Exchange, data: bytes, fields: bytes, **more: Any) -> Any:
    answered = type(pair.answered)(data, fields)
    return read(Exchange(pair.protocol, pair.path, pair.asked, answered, pair.reads, pair.stream), **more)


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=12)
@given(sizes=st.lists(st.integers(1, 400), max_size=30), end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_cut_and_line_end_of_a_stream_give_the_same_reading(name: str, sizes: list[int], end: bytes) -> None:
    pair = PAIRS[name]
    data = pair.answered.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"ndjson" not in pair.answered.fields:
        data = data.replace(b"\n", end)
    ends = [at for at in accumulate(sizes) if at < len(data)] + [len(data)]
    seen = read_with(pair, data, pair.answered.fields, chunks=[float(at) for at in ends], ends=ends)
    assert reading(seen) == pair.reads
    if seen.text is not None and reading(seen)["text"].keys() - {"finish"}:
        assert seen.text.first_token in ends


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_off_is_read_or_has_a_reason(name: str) -> None:
    pair = PAIRS[name]
    for at in range(0, len(pair.answered.data), 19):
        seen = read_with(pair, pair.answered.data[:at], pair.answered.fields)
        assert seen.unreadable_response != "internal"


@pytest.mark.parametrize("name", SPOKEN)
def test_any_order_of_keys_gives_the_same_reading(name: str) -> None:
    pair, chance = PAIRS[name], random.Random(7)
    try:
        document = orjson.loads(pair.answered.data)
    except orjson.JSONDecodeError:
        return
    for _ in range(5):
        assert reading(read_with(pair, orjson.dumps(shuffled(document, chance)), pair.answered.fields)) == pair.reads
