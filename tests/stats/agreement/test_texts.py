"""Texts by each comparer, calls of tools, finish reasons."""

from __future__ import annotations

from typing import Literal
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.bounds import MAX_TEXT, shortened
from proxy.contracts.comparers import TextComparer
from proxy.contracts.observation import Text
from proxy.contracts.settings import Analysis
from proxy.stats.agreement import texts
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.texts import MAX_BLOCKS, MAX_WORDS, TOO_LONG, compare_text, compare_texts
from proxy.stats.agreement.writing import FRACTION, RAISED
from proxy.stats.row_sample import MAX_TEXT_CHARACTERS, MAX_TEXTS
from proxy.stats.words import words_of

THAI = "แมวนั่งบนเสื่อและหลับไปทั้งวัน"


@pytest.mark.parametrize(
    ("mine", "other", "disagree", "kind"),
    [
        (Text("a b c", "stop"), Text("a b c", "stop"), False, "finish"),
        (Text("a b c", "stop"), Text("a b c", "length"), True, "finish"),
        (Text("a b c d e f g h i j", "stop"), Text("a b c d e f g h i x", "stop"), False, "finish"),
        (Text("a b c", "stop"), Text("x y z", "stop"), True, "text"),
        (Text("", "tool_calls", (("f", "{}"),)), Text("", "tool_calls", (("g", "{}"),)), True, "tools"),
        (Text("", "stop"), Text("", "stop"), False, "finish"),
    ],
)
def test_texts(mine: Text, other: Text, disagree: bool, kind: str) -> None:
    found = compare_texts(mine, other)
    assert (found.disagree, found.kind) == (disagree, kind)
    assert bool(found.comparer) == disagree


def test_the_distance_of_texts_is_the_part_of_words_edited() -> None:
    found = compare_texts(Text("the cat sat down there"), Text("the dog sat down here now"))
    assert found.shift == pytest.approx(3 / 6)
    assert found.overlap == pytest.approx(4 / 25)
    assert found.comparer == "words: 50% of 6 were edited, more than 30%"
    short = compare_texts(Text("the cat sat"), Text("the dog sat"))
    assert (short.disagree, short.shift) == (True, pytest.approx(1 / 3))


@pytest.mark.parametrize(
    ("mine", "other", "same"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('{"a": 1.0}', '{"a":1}', True),
        ('{"a": {"b": [1, 2]}}', '{"a":{"b":[1,2]}}', True),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ('{"amount": 100}', '{"amount": 101}', False),
        ('{"amount": 100.0}', '{"amount": 100.1}', False),
        ('{"on": true}', '{"on": 1}', False),
        ('{"a": 1}', '{"a": 1, "b": null}', False),
        ('{"q": "cats"}', '{"q": "cats "}', False),
        ("not json", "not json ", True),
        ("not json", "nor this", False),
    ],
)
def test_arguments_of_tools_are_json(mine: str, other: str, same: bool) -> None:
    for a, b in ((mine, other), (other, mine)):
        found = compare_texts(Text("", tools=(("f", a),)), Text("", tools=(("f", b),)))
        assert found.disagree is not same


def test_the_order_of_parallel_calls_says_nothing_and_their_number_does() -> None:
    one, two = ("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}')
    assert not compare_texts(Text("", tools=(one, two)), Text("", tools=(two, one))).disagree
    assert compare_texts(Text("", tools=(one, one)), Text("", tools=(one, two))).disagree
    assert compare_texts(Text("", tools=(one,)), Text("", tools=(one, one))).disagree


@pytest.mark.parametrize(
    ("how", "mine", "other", "same"),
    [
        ("exact", "a b", "a  b", False),
        ("words", "a b", "a  b", True),
        ("characters", "the colour of the sky is blue", "the color of the sky is blue", True),
        ("characters", "colour", "color", False),
        ("words", "colour", "color", False),
        ("auto", '{"a": 0.1, "note": "all is well today"}', '{"note":"all is well today", "a":0.1001}', True),
        ("words", '{"a": 0.1}', '{"a":0.1}', False),
        ("json", '{"a": [1, 2]}', '{ "a":[1,2] }', True),
        ("json", "yes", "yes.", False),
        ("auto", '{"n": 41}', '{"n": 42}', False),
        ("auto", '{"broken', '{"broken', True),
    ],
)
def test_the_comparer_of_a_route(how: TextComparer, mine: str, other: str, same: bool) -> None:
    for a, b in ((mine, other), (other, mine)):
        assert compare_text(a, b, AnswerRules(Analysis(text=how))).differs is not same


@pytest.mark.parametrize("text", [THAI, "猫がマットの上に座って一日中寝ていた", "小猫坐在垫子上睡了一整天"])
def test_a_script_without_spaces_is_not_one_word(text: str) -> None:
    assert len(words_of(text)) > 10
    assert not compare_text(text, text[:-1], AnswerRules()).differs
    assert compare_text(text, text[::-1], AnswerRules()).differs


def test_edits_may_be_more_where_the_route_says_so() -> None:
    mine, other = "a b c d e f", "a b c x y z"
    assert compare_text(mine, other, AnswerRules()).differs
    assert not compare_text(mine, other, AnswerRules(Analysis(text_edits=0.5))).differs


def test_what_a_longer_text_has_beyond_the_bound_counts_by_its_length() -> None:
    short, long = "w " * MAX_WORDS, "w " * (3 * MAX_WORDS)
    assert compare_text(short, long, AnswerRules()).distance == pytest.approx(2 / 3)
    assert compare_text(long, short, AnswerRules()).differs


def test_a_long_text_is_compared_to_its_end() -> None:
    begun, end = "w " * MAX_WORDS, "v " * MAX_WORDS
    other = compare_text(begun + end, begun + "u " * MAX_WORDS, AnswerRules())
    assert (other.differs, other.distance) == (True, 0.5)
    for text, by in ((begun + end, "words"), ("one text " + begun + end, "characters")):
        rules = AnswerRules(Analysis(text="words" if by == "words" else "characters"))
        assert not compare_text(text + "end", "a beginning " + text, rules).differs


@given(st.text("ab", min_size=40, max_size=80), st.text("ab", max_size=80))
def test_blocks_hide_no_edit(a: str, b: str) -> None:
    whole, blocks = texts._distance(a, b, AnswerRules()), None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "MAX_WORDS", 16)
        patch.setattr(texts, "MAX_BLOCKS", 1_000)
        blocks = texts._distance(a, b, AnswerRules())
        assert texts._distance(b, a, AnswerRules()) == pytest.approx(blocks)
    assert whole - 1e-9 <= blocks <= 1.0


def kept(text: str) -> str:
    return shortened(text, MAX_TEXT)


def test_a_very_long_text_is_compared_in_blocks_spread_over_it() -> None:
    size = 4 * MAX_BLOCKS * MAX_WORDS
    mine, third = "a" * size, "ba" * (size // 6) + "a" * (size - size // 3)
    for how, edits, differs in ((0.3, third, False), (0.1, third, True), (0.0, "a" * (size - 5) + "b" + "a" * 4, True)):
        rules = AnswerRules(Analysis(text="characters", text_edits=how))
        found = compare_text(mine, edits, rules)
        assert found.differs is differs
        assert compare_text(edits, mine, rules)[:2] == found[:2]
    rules = AnswerRules()
    assert texts._distance(mine, third, rules) == pytest.approx(1 / 6, abs=0.02)
    assert rules.left_out == 1


def test_texts_that_are_not_kept_to_their_end_are_not_said_to_agree() -> None:
    begun = "word " * MAX_TEXT
    mine, other = kept(begun + "yes"), kept(begun + "no")
    assert not compare_texts(Text(mine), Text(kept(begun + "yes"))).lost
    for a, b in ((mine, other), (other, mine), (mine, begun[:MAX_TEXT])):
        found = compare_texts(Text(a), Text(b))
        assert (found.disagree, found.lost) == (False, TOO_LONG)
        assert compare_text(a, b, AnswerRules(Analysis(text="exact"))).differs
        assert compare_texts(Text("", reasoning=a), Text("", reasoning=b)).lost == TOO_LONG
        assert not compare_texts(Text("x", reasoning=a), Text("x", reasoning=b)).lost
        assert compare_texts(Text("x", others=(Text(a),)), Text("x", others=(Text(b),))).lost == TOO_LONG
    apart = compare_texts(Text(mine), Text(kept("other " * MAX_TEXT)))
    assert apart.disagree and not apart.lost and apart.comparer.endswith(", as far as they were kept")


READING = ("auto", "words", "characters")


@pytest.mark.parametrize("how", READING)
@pytest.mark.parametrize(
    ("mine", "other", "same"),
    [
        ("42", "43", False),
        ("42", "42.0", True),
        ("1,000", "1000", True),
        ("1,000", "1,001", False),
        ("The answer is yes", "The answer is no", False),
        ("Yes.", "yes", True),
        ("correct", "incorrect", False),
        ("ถูกต้อง", "ไม่ถูกต้อง", False),
        ("肯定的です", "否定的です", False),
        ("one\r\ntwo three four five six", "one\ntwo three four five six", True),
        ("It\u2019s half past five by now, she said", "It's half past five by now, she said", True),
        ("\U0001f44d", "\U0001f44e", False),
        ("\U0001f44d\U0001f3fd", "\U0001f44d", False),
        ("\u2764\ufe0f", "\u2764", True),
        ("\u200fשלום", "שלום", True),
        ("كِتَاب", "كتاب", True),
        ("كَتَبَ", "كُتِبَ", False),
        ("x² + 1", "x2 + 1", False),
        ("café", "cafe", False),
    ],
)
def test_what_a_text_says_is_not_how_it_is_written(how: TextComparer, mine: str, other: str, same: bool) -> None:
    for a, b in ((mine, other), (other, mine)):
        found = compare_text(a, b, AnswerRules(Analysis(text=how)))
        assert found.differs is not same and (same or found.found)
        assert compare_text(a, b, AnswerRules(Analysis(text="exact"))).differs


@pytest.mark.parametrize("how", ["auto", "json"])
def test_a_document_in_a_text_is_one_however_it_is_set(how: TextComparer) -> None:
    rules = AnswerRules(Analysis(text=how))
    bare, fenced = '{"a": [1, 2], "b": "yes"}', '```json\n{"b": "yes",\n "a": [1, 2.0]}\n```'
    assert not compare_text(bare, fenced, rules).differs
    assert compare_text(bare, fenced.replace("yes", "no"), rules).found == "json: b differs"
    assert not compare_text(f"Here it is:\n{fenced}\nBye.", f"here it is: \n{fenced}\n\nBye", rules).differs
    assert compare_text(f"That is what I found:\n{fenced}", bare, rules).differs, "a client cannot read it alike"


def test_short_texts_in_documents_are_values() -> None:
    for mine, other, same in (("Yes", "yes", False), ("1.0", "1.00", False), ("caf\xe9", "cafe\u0301", True)):
        a, b = ('{"value": "' + each + '"}' for each in (mine, other))
        assert compare_text(a, b, AnswerRules()).differs is not same
        assert compare_texts(Text("", tools=(("f", a),)), Text("", tools=(("f", b),))).disagree is not same


@given(st.text(max_size=40), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(READING))
def test_forms_of_a_text_are_the_same_text(
    text: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"], how: TextComparer
) -> None:
    text = FRACTION.sub("", RAISED.sub("", text))
    assert not compare_text(text, normalize(form, text), AnswerRules(Analysis(text=how))).differs


WORDS = st.lists(st.sampled_from(["a", "b", "c", "猫", "1", "{", '{"a": 1}', "  "]), max_size=12).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(max_size=30))


@given(TEXTS, TEXTS, st.sampled_from(["auto", "exact", "words", "characters", "json"]))
def test_a_text_equals_itself_and_order_says_nothing(a: str, b: str, how: TextComparer) -> None:
    rules = AnswerRules(Analysis(text=how))
    assert not compare_text(a, a, rules).differs
    assert compare_text(a, b, rules).differs == compare_text(b, a, rules).differs


def test_choices_that_are_the_same_take_no_place_in_the_sample() -> None:
    same, long = tuple(Text(f"choice {at}", "stop") for at in range(2 * MAX_TEXTS)), "word " * MAX_TEXT_CHARACTERS
    mine, other = (Text("x", "stop", others=(*same, Text(each, "stop"), Text(long))) for each in ("yes", "not so"))
    rules = AnswerRules()
    found = compare_texts(mine, other, rules)
    assert (found.disagree, found.row, rules.left_out) == (True, len(same) + 1, 0)
