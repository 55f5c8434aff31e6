"""Short texts that say the same: numbers by their value, and labels, of which no word may be another one.

Nothing about them is a matter of degree: "42" and "43" have half of their characters in common, "correct" and
"incorrect" four fifths, "the answer is yes" and "the answer is no" three words of four.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.stats.agreement.documents import numbers_alike
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.words import UNSPACED, words_of

MAX_SHORT_WORDS = 5
"""Words of a text of which no word may be another one."""
UNSPACED_PER_WORD = 2
"""Characters that make a word in scripts without spaces, about."""
MAX_SHORT_CHARACTERS = 80
"""Characters of such a text: five words of sixteen."""

NUMBER = re.compile(
    r"(?P<before>[$€£¥]?)\s?(?P<sign>[-+]?)(?P<money>[$€£¥]?)"
    r"(?P<value>(?=\.?[0-9])(?:0|[1-9]\d{0,2}(?:[,' ]\d{3})+|[1-9]\d{0,39})?(?:\.\d{1,40})?(?:[eE][-+]?\d{1,3})?)"
    r"\s?(?P<after>%?)"
)
"""A number as texts have it: thousands apart, with a sign of money or of percent. 007 is a name."""
THOUSANDS = str.maketrans("", "", ",' ")

AROUND = ".,;:!?\"'`*_()[]{}。、，…"
"""What stands around a word and says nothing about it."""

_UNSPACED = re.compile(f"[{UNSPACED}]")


class TextNumber(NamedTuple):
    """A number in a text."""

    value: int | float
    unit: str
    """The sign of money or of percent."""


def number_of(text: str) -> TextNumber | None:
    """The number that a text is, a whole one if it has no fraction; None: it is none.

    >>> number_of("1,000"), number_of(" -$4.50 "), number_of("42 %"), number_of("1.2.3"), number_of("007")
    (TextNumber(value=1000, unit=''), TextNumber(value=-4.5, unit='$'), TextNumber(value=42, unit='%'), None, None)
    """
    if len(text) > MAX_SHORT_CHARACTERS:
        return None
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    value = float(digits := found["sign"] + found["value"].translate(THOUSANDS))
    if digits.lstrip("+-").isdecimal() or value.is_integer():
        value = int(digits) if digits.lstrip("+-").isdecimal() else int(value)
    return TextNumber(value, found["before"] + found["money"] + found["after"])


def compare_short(a: str, b: str, rules: AnswerRules) -> str | None:
    """What two short texts differ in, "" for nothing; None: they are not both short."""
    if not (is_short(a) and is_short(b)):
        return None
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return "" if _alike(x, y, rules) else f"numbers: {a.strip()} and {b.strip()}"
    mine, other = words_of(a), words_of(b)
    if len(mine) == len(other) and all(_same_word(x, y, rules) for x, y in zip(mine, other, strict=True)):
        return ""
    return f"labels: {a.strip()!r} and {b.strip()!r}"


def is_short(text: str) -> bool:
    """Whether a text is a number or a label.

    >>> is_short("The answer is no."), is_short("a sentence of six words is none"), is_short(" ")
    (True, False, False)
    """
    if len(text) > MAX_SHORT_CHARACTERS:
        return False
    words = words_of(text)
    unspaced = sum([_UNSPACED.fullmatch(word) is not None for word in words])
    return bool(words) and len(words) - unspaced + unspaced / UNSPACED_PER_WORD <= MAX_SHORT_WORDS


def _number(text: str) -> TextNumber | None:
    return number_of(text) or number_of(text.strip().strip(AROUND))


def _alike(x: TextNumber, y: TextNumber, rules: AnswerRules) -> bool:
    return x.unit == y.unit and numbers_alike(x.value, y.value, rules)


def _same_word(a: str, b: str, rules: AnswerRules) -> bool:
    if a == b or (_bare(a) == _bare(b)):
        return True
    x, y = _number(a), _number(b)
    return x is not None and y is not None and _alike(x, y, rules)


def _bare(word: str) -> str:
    return word.strip(AROUND).casefold() or word
