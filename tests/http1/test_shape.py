"""Heads of one shape are found by what they have in common, and never for bytes that no reader has admitted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.memo import MAX_HEADS
from proxy.http1.shape import MAX_DIGITS, Shapes


def raw(length: bytes, name: bytes = b"Content-Length") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: h\r\n%b: %b\r\nA: b\r\n\r\n" % (name, length)


def test_heads_that_differ_in_their_length_have_one_shape() -> None:
    shapes: Shapes[str] = Shapes()
    first = shapes.shape_of(raw(b"2"), "two")
    assert shapes.shape_of(raw(b"117"), "more") is first
    assert first.head_of(raw(b"2") + b"xx") == ("two", len(raw(b"2")))
    assert first.head_of(raw(b"117")) == ("more", len(raw(b"117")))
    assert first.head_of(raw(b"3"))[0] is None
    assert shapes.shape_of(raw(b"2", b"content-length"), "small") is not first


def test_a_head_without_a_length_is_its_shape() -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    shape = Shapes[str]().shape_of(head, "get")
    assert shape.head_of(head) == ("get", len(head))
    assert shape.head_of(head[:-1]) == (None, 0)


def test_another_way_to_write_a_length_is_another_head() -> None:
    shape = Shapes[str]().shape_of(raw(b"2"), "two")
    for written in (b"02", b"+2", b" 2", b"2 ", b"", b"2, 2", b"0x2", b"2" * (MAX_DIGITS + 1)):
        assert shape.head_of(raw(written))[0] is None, written


def test_a_length_with_zeros_before_it_is_found_by_its_very_bytes() -> None:
    shapes: Shapes[str] = Shapes()
    shape = shapes.shape_of(raw(b"007"), "seven")
    assert shape.head_of(raw(b"007")) == ("seven", len(raw(b"007")))
    assert shape.head_of(raw(b"7"))[0] is None
    assert shapes.shape_of(raw(b"7"), "plain") is shape
    assert shape.head_of(raw(b"7")) == ("plain", len(raw(b"7")))
    assert shape.head_of(raw(b"007"))[0] is None


def test_a_head_in_part_is_none() -> None:
    shape = Shapes[str]().shape_of(raw(b"12"), "twelve")
    whole = raw(b"12")
    assert all(shape.head_of(whole[:size])[0] is None for size in range(len(whole)))


def test_the_bound_is_of_all_shapes_together() -> None:
    shapes: Shapes[int] = Shapes()
    heads = [b"A: %d\r\nContent-Length: %d\r\n\r\n" % (number % 8, number) for number in range(3 * MAX_HEADS)]
    met = []
    for number, head in enumerate(heads):
        met.append(shapes.shape_of(head, number))
        known = {id(shape): len(shape) for shape in met}
        assert sum(known.values()) <= MAX_HEADS
    assert met[-1].head_of(heads[-1]) == (len(heads) - 1, len(heads[-1]))
    assert met[0].head_of(heads[0])[0] is None


@given(st.binary(max_size=40), st.integers(0, 10**MAX_DIGITS - 1), st.binary(max_size=12))
def test_what_is_found_is_the_very_bytes(before: bytes, length: int, behind: bytes) -> None:
    head = before + b"\r\nContent-Length: %d\r\n\r\n" % length
    shape = Shapes[bytes]().shape_of(head, head)
    found, end = shape.head_of(head + behind)
    assert found is None or head == (head + behind)[:end]


def test_what_was_found_last_is_not_taken_for_another() -> None:
    shapes: Shapes[str] = Shapes()
    shape = shapes.shape_of(raw(b"2"), "two")
    shapes.shape_of(raw(b"17"), "more")
    found = [shape.head_of(raw(each))[0] for each in (b"2", b"17", b"17", b"2", b"3", b"2")]
    assert found == ["two", "more", "more", "two", None, "two"]
    shapes.shape_of(raw(b"2"), "anew")
    assert shape.head_of(raw(b"2"))[0] == "anew"
    shape.clear()
    assert shape.head_of(raw(b"2"))[0] is None
