"""DNS messages: what was asked comes back, and nothing that a stranger sends does any harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.dns.message import AAAA, CNAME, MAX_RECORDS, SRV, A, Garbled, question, read
from tests.support.name_server import NameServer

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(lambda name: len(name) < 250)
KINDS = st.sampled_from([A, AAAA, SRV])


def answered(name: str, kind: int, *rows: tuple[str, str, int], number: int = 7) -> bytes:
    server = NameServer()
    server.zone[name.lower()] = list(rows)
    return server.answer(question(number, name, kind), False)


def test_records_of_each_kind() -> None:
    reply = read(answered("n.test", A, ("A", "10.0.0.1", 30), ("A", "10.0.0.2", 5)), 7, "N.test", A)
    assert [(each.address, each.ttl) for each in reply.answers] == [("10.0.0.1", 30), ("10.0.0.2", 5)]
    assert (reply.code, reply.truncated) == (0, False)
    (record,) = read(answered("n.test", AAAA, ("AAAA", "fd00::1", 30)), 7, "n.test", AAAA).answers
    assert record.address == "fd00::1"
    (record,) = read(answered("s.test", SRV, ("SRV", "1 2 8080 Node.test", 30)), 7, "s.test", SRV).answers
    assert (record.priority, record.weight, record.port, record.target) == (1, 2, 8080, "node.test")
    (record,) = read(answered("c.test", A, ("CNAME", "real.test", 30)), 7, "c.test", A).answers
    assert (record.kind, record.target) == (CNAME, "real.test")


@given(NAMES, KINDS, st.integers(0, 65535))
def test_an_answer_belongs_to_its_question_and_to_no_other(name: str, kind: int, number: int) -> None:
    data = answered(name, kind, ("A", "10.0.0.1", 1), number=number)
    read(data, number, name, kind)
    for wrong in ((number ^ 1, name, kind), (number, f"x{name}", kind), (number, name, kind ^ 3)):
        with pytest.raises(Garbled):
            read(data, *wrong)
    with pytest.raises(Garbled):
        read(question(number, name, kind), number, name, kind)


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    head = question(7, "n.test", A)
    for given_ in (data, head[:2] + b"\x81\x80\0\1\0\3\0\0\0\3" + head[12:] + data):
        try:
            reply = read(given_, 7, "n.test", A)
        except Garbled:
            continue
        assert len(reply.answers) <= 3


@given(st.data())
def test_every_cut_is_found_or_harmless(data: st.DataObject) -> None:
    whole = answered("s.test", SRV, ("SRV", "1 2 8080 node.test", 30), ("SRV", "1 2 8081 node.test", 30))
    at = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Garbled):
        read(whole[:at], 7, "s.test", SRV)


def test_pointers_are_followed_backwards_only() -> None:
    head = question(7, "n.test", A)
    start = head[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + head[12:]
    behind = b"\0\1\0\1\0\0\0\5\0\4\x0a\0\0\1"
    (record,) = read(start + b"\xc0\x0c" + behind, 7, "n.test", A).answers
    assert (record.name, record.address) == ("n.test", "10.0.0.1")
    for pointer in (len(start), len(start) + 2, 0x3FFF):
        with pytest.raises(Garbled):
            read(start + (0xC000 | pointer).to_bytes(2, "big") + behind, 7, "n.test", A)


def test_a_ttl_with_the_highest_bit_is_none_and_records_are_bounded() -> None:
    rows = [("A", "10.0.0.1", 1 << 31)] * (MAX_RECORDS + 9)
    records = read(answered("n.test", A, *rows), 7, "n.test", A).answers
    assert len(records) == MAX_RECORDS and records[0].ttl == 0


@pytest.mark.parametrize("name", ["a..b", "", "a" * 64, ".".join(["a" * 60] * 5)])
def test_what_no_name_can_be_is_not_asked_for(name: str) -> None:
    with pytest.raises(Garbled):
        question(1, name, A)
