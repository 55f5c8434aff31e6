"""Words and scripts of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.words import script_of, words_of


@pytest.mark.parametrize(
    ("text", "script", "words"),
    [
        ("the quick brown fox", "latin", 4),
        ("größer als ein Haus", "latin", 4),
        ("быстрая лиса", "cyrillic", 2),
        ("η γρήγορη αλεπού", "greek", 3),
        ("الثعلب البني", "arabic", 2),
        ("แมวนั่ง", "thai", 7),
        ("小猫坐在垫子上", "han", 7),
        ("ねこがいる", "kana", 5),
        ("고양이가 있다", "hangul", 2),
        ("", "none", 0),
        ("12 + 30", "none", 3),
    ],
)
def test_scripts(text: str, script: str, words: int) -> None:
    assert script_of(text) == script
    assert len(words_of(text)) == words


@given(st.text())
def test_any_text_has_a_script_and_words_without_spaces(text: str) -> None:
    assert script_of(text)
    assert all(word.strip() for word in words_of(text) if word.isascii())
