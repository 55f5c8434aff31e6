"""Pages: text stays text, and what is empty is not there."""

from __future__ import annotations

from proxy.html_page import Markup, document, html, items, outcome, section, table

HOSTILE = "</td><script>alert(1)</script>\"'&"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert "<script" not in table((HOSTILE,), ((HOSTILE,),)) + items((HOSTILE,)) + section(HOSTILE, "x") + html(HOSTILE)
    assert "<b>" in table(("a",), ((Markup("<b>x</b>"),),))


def test_a_verdict_has_its_colour_and_no_other_word_becomes_a_class() -> None:
    assert outcome("fail") == '<span class="fail">fail</span>'
    assert outcome('"><script>') == "&quot;&gt;&lt;script&gt;"


def test_columns_without_names_make_the_first_cell_the_head_of_its_row() -> None:
    made = table(("", ""), (("commit", "4f2a"),))
    assert '<th scope="row">commit</th><td>4f2a</td>' in made and "<thead>" not in made


def test_nothing_comes_of_nothing() -> None:
    assert table(("a",), ()) == items(()) == section("a", "") == ""


def test_a_page_may_load_nothing() -> None:
    page = document(HOSTILE, ("<p>x</p>", ""), "p { margin: 0; }")
    assert "default-src 'none'" in page and "<script" not in page and "p { margin: 0; }" in page


def test_nothing_on_a_page_is_a_control_or_turns_the_text_round() -> None:
    page = document("a\x1b[31m", (table(("b\x07",), (("c\u202e", "d\x9b"),)), items(("e\u2066",))))
    assert not set("\x1b\x07\u202e\x9b\u2066") & set(page) and page.count("\ufffd") == 5
