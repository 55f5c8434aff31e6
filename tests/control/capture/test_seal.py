"""Seals: what the writing side makes the reading side takes, and nothing else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.control.capture.format import FORMAT, Header, Seal, UnreadableLineError, captured, line_of, parsed, runs
from proxy.control.capture.seal import MARK_LINES, MAX_STRATA, MAX_STRATUM, OTHERS, OpenSegment, SegmentCheck
from tests.support.records import record

HEADER = Header(penumbra_capture=FORMAT, made="0.2.0", began=1000.0)


def legs(count: int) -> list[bytes]:
    return [line_of(captured(record(exchange=number), (0, "a"), False)) for number in range(count)]


def segment(count: int) -> list[bytes]:
    made = OpenSegment()
    lines = [made.header(HEADER), *[made.add(line) for line in legs(count)], made.seal()]
    return b"".join(lines).splitlines(keepends=True)


def checked(lines: list[bytes]) -> SegmentCheck:
    check = SegmentCheck("FILE")
    for number, line in enumerate(lines, 1):
        check.take(line, number)
    return check


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_segments_follow_each_other(counts: list[int]) -> None:
    lines = [line for count in counts for line in segment(count)]
    check, together = checked(lines), SegmentCheck("FILE")
    number = 1
    for run, data in runs(b"".join(lines)):
        together.take_legs(data, run, number) if run else together.take(data, number)
        number += run or 1
    assert together.sha256 == check.sha256 == sha256(b"".join(lines)).hexdigest()
    assert (together.sealed, together.seals) == (check.sealed, check.seals), "legs may be taken together"
    assert (check.sealed, check.open, check.bare, len(check.seals)) == (sum(counts) + len(counts), 0, 0, len(counts))
    seal = parsed(segment(counts[0])[-1])
    assert isinstance(seal, Seal)
    assert seal.seal.sha256 == sha256(b"".join(segment(counts[0])[:-1])).hexdigest()


@given(st.data())
def test_no_line_can_be_changed_lost_added_or_moved(data: st.DataObject) -> None:
    lines = segment(5)
    at = data.draw(st.integers(0, 5))
    other = legs(7)[6]
    wrong = {
        "changed": [*lines[:at], lines[at].replace(b"a", b"b", 1), *lines[at + 1 :]],
        "lost": [*lines[:at], *lines[at + 1 :]],
        "added": [*lines[: at + 1], other, *lines[at + 1 :]],
        "moved": [*lines[:1], lines[2], lines[1], *lines[3:]],
        "behind": [*lines, other],
        "twice": [*lines, lines[-1]],
    }
    with pytest.raises(UnreadableLineError, match=r"^FILE, line \d+: "):
        checked(wrong[data.draw(st.sampled_from(sorted(wrong)))])


@given(st.data())
def test_no_digit_of_a_seal_can_be_changed(data: st.DataObject) -> None:
    made = OpenSegment()
    lines = [made.header(HEADER), *[made.add(line) for line in legs(3)]]
    for number in range(3):
        made.count("route/v/good", 2.5, 1000.0 + number, 1001.0 + number)
    seal = made.seal()
    digits = [at for at, byte in enumerate(seal) if chr(byte).isdigit()]
    at = data.draw(st.sampled_from(digits))
    altered = seal[:at] + bytes([ord("0") + (seal[at] - ord("0") + 1) % 10]) + seal[at + 1 :]
    checked([*lines, seal])
    with pytest.raises(UnreadableLineError, match=r"^FILE, line 5: "):
        checked([*lines, altered])


def test_a_seal_of_before_vouches_for_its_lines() -> None:
    lines = segment(3)
    seal = parsed(lines[-1])
    assert isinstance(seal, Seal)
    assert checked([*lines[:-1], line_of(Seal(replace(seal.seal, own="")))]).sealed == 4


def test_a_mark_says_between_which_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = segment(2 * MARK_LINES)
    assert sum(line.startswith(b'{"mark"') for line in lines) == 2
    at = MARK_LINES + 500
    lines[at] = lines[at].replace(b"1000", b"1001").replace(b'"v"', b'"w"')
    with pytest.raises(UnreadableLineError, match=f"line {2 * MARK_LINES + 1}: .* between lines {MARK_LINES + 2} and"):
        checked(lines)


def test_a_segment_of_a_later_version_is_refused() -> None:
    later = line_of(Header(penumbra_capture=FORMAT + 1, made="9", began=0.0))
    with pytest.raises(UnreadableLineError, match="line 1: format 3; this version reads up to 2"):
        checked([later])


def test_strata_are_counted_and_bounded() -> None:
    made = OpenSegment()
    reserve = made.reserve()
    for number in range(MAX_STRATA + 5):
        made.count(f"{number}" + "x" * 1000, 2.0, 1000.0 + number, 1001.0 + number)
        assert len(made.seal()) <= reserve
        reserve = made.reserve()
    seal = parsed(made.seal())
    assert isinstance(seal, Seal)
    assert (seal.seal.first, seal.seal.last) == (1000.0, 1000.0 + MAX_STRATA + 5)
    assert len(seal.seal.strata) == MAX_STRATA + 1 and max(map(len, seal.seal.strata)) < MAX_STRATUM
    assert seal.seal.strata[OTHERS].taken == 5 and seal.seal.strata[OTHERS].weight == 10.0
