"""Messages of a gRPC body."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.encoding import MAX_EXPANDED
from proxy.payload.grpc.frames import MAX_MESSAGES, messages_of, only_message, whole_messages
from proxy.payload.reading import Unreadable
from tests.support.oip_messages import framed


def read(data: bytes, fields: bytes = b"") -> list[bytes]:
    return [message for message, _ in messages_of(data, fields)]


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_what_was_framed_is_read(messages: list[bytes]) -> None:
    data = framed(*messages)
    assert read(data) == messages
    ends = [end for _, end in messages_of(data, b"")]
    assert ends == [len(framed(*messages[: n + 1])) for n in range(len(messages))]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=3), st.data())
def test_a_cut_body_is_unreadable_except_between_messages(messages: list[bytes], data: st.DataObject) -> None:
    whole = framed(*messages)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole_ends = {len(framed(*messages[:n])) for n in range(len(messages))}
    if at in whole_ends:
        assert read(whole[:at]) == messages[: [len(framed(*messages[:n])) for n in range(len(messages))].index(at)]
    else:
        with pytest.raises(Unreadable, match="binary"):
            read(whole[:at])


def packed(message: bytes) -> bytes:
    return b"\1" + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(("name", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_compressed_message_is_unpacked_and_a_plain_one_beside_it_stays(name: bytes, pack: object) -> None:
    fields = b"content-type: application/grpc\r\ngrpc-encoding: " + name + b"\r\n"
    assert callable(pack)
    assert read(packed(pack(b"tensor" * 50)) + framed(b"plain"), fields) == [b"tensor" * 50, b"plain"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [(b"", "binary"), (b"grpc-encoding: identity\r\n", "binary"), (b"grpc-encoding: snappy\r\n", "coding")],
)
def test_a_compressed_message_of_a_coding_that_is_not_read_is_told(fields: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(packed(b"x"), fields)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Unreadable, match="expansion"):
        read(packed(gzip.compress(bytes(MAX_EXPANDED + 1))), b"grpc-encoding: gzip\r\n")


def test_damaged_compression_is_told() -> None:
    with pytest.raises(Unreadable, match="encoding"):
        read(packed(b"nonsense"), b"grpc-encoding: gzip\r\n")


def test_an_unknown_flag_is_no_message() -> None:
    with pytest.raises(Unreadable, match="binary"):
        read(b"\2\0\0\0\0")


def test_the_number_of_messages_is_bounded() -> None:
    assert len(read(framed(*[b""] * MAX_MESSAGES))) == MAX_MESSAGES
    with pytest.raises(Unreadable, match="too_many_values"):
        read(framed(*[b""] * (MAX_MESSAGES + 1)))


def test_a_unary_call_has_one_message() -> None:
    assert (only_message(framed(b"one")), only_message(framed(b""))) == (b"one", b"")
    others = (b"", b"\0\0", framed(b"one", b"two"), framed(b"one")[:-1], packed(b"one"))
    assert [only_message(each) for each in others] == [None] * len(others)


def test_of_a_part_the_whole_messages_are_read() -> None:
    data = framed(b"one", b"two")
    assert list(whole_messages(data[:-1], b"")) == [(b"one", 8)]
    assert not list(whole_messages(data[:3], b""))


def test_messages_that_are_small_bombs_together_are_one() -> None:
    bomb = packed(gzip.compress(bytes(MAX_EXPANDED // 4)))
    fields = b"grpc-encoding: gzip\r\n"
    assert len(read(bomb * 4, fields)) == 4
    with pytest.raises(Unreadable, match="expansion"):
        read(bomb * 5, fields)
