"""What others have written cannot do anything to a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from proxy.cli.top.texts import clean, fit, right, wrapped

NASTY = st.text(st.characters() | st.sampled_from("\x1b\x9b\x07\u202e\u200d\u0301\n\r\t日[]2J;mH"), max_size=60)


@given(NASTY)
def test_nothing_of_a_text_is_obeyed(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable() or shown == ""
    assert not {"\x1b", "\x9b", "\n", "\r", "\u202e"} & {*shown}


@given(NASTY, st.integers(0, 40))
def test_a_text_has_exactly_the_width_of_its_column(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert cell_len(right(text, width)) == width


@given(NASTY, st.integers(8, 80), st.integers(1, 5))
def test_a_paragraph_is_no_wider_and_no_longer_than_it_may_be(text: str, width: int, most: int) -> None:
    lines = wrapped(text, width, most)
    assert len(lines) <= most
    assert all(cell_len(line) <= width for line in lines)


def test_what_was_cut_is_marked() -> None:
    assert fit("fraud-detection", 6) == "fraud~"
    assert wrapped("one two three four five", 9, 2)[-1].endswith("~")


def test_letters_cannot_grow_over_other_lines() -> None:
    assert len(clean("a" + "\u0301\u0302\u0303\u0304" * 50)) <= 4
