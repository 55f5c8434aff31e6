"""What a text says apart from how it is written: two forms of the same text are one.

| by | alike |
|---|---|
| `canonical` | canonically equivalent texts (Unicode Standard Annex 15: NFC and NFD), by all comparers but `exact` |
| `plain` | those, and compatible ones (NFKC and NFKD), kinds of quotes, dashes and digits, and what is not seen |
| `both_plain` | those, and points that one of the two leaves out: vowels of Arabic and Hebrew |

What changes what is said is kept: superscripts and fractions (x² is not x2, 2½ not 21/2), the joiners of Persian and of
emoji, and their modifiers.
"""

from __future__ import annotations

import re
from typing import Literal
from unicodedata import normalize

UNSEEN = re.compile("[\u00ad\u034f\u200b\u200e\u200f\u061c\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff]+")
"""Soft hyphens, spaces of no width, marks of direction, choices of a glyph."""

SIGNS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **{chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966) for digit in range(10)},
}
"""Signs that keyboards and typesetters write differently, and digits of Arabic, Persian and Devanagari."""

RAISED = re.compile("[\u00aa\u00b2\u00b3\u00b9\u00ba\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d6a\u2070-\u209f]")
"""Superscripts and subscripts, by block."""
FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215f\u2189]")

POINTS = re.compile("[\u0640\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
"""Vowels that Arabic and Hebrew may leave out, and the stroke that makes a word longer."""

MAX_GROWTH = 2
"""Times that compatible forms may be as long as a text: single characters stand for eighteen."""


LONG_RUN = re.compile(r"[^\w\s\x00-\x7f]{30}")
"""Marks that no writing puts on a letter: sorting them takes time by their square (UAX 15, 13, Stream-Safe Text)."""
JOINER = "\u034f"
"""What ends a run of marks."""


def canonical(text: str) -> str:
    """A text in its canonical form.

    >>> canonical("cafe" + chr(0x301)) == "caf" + chr(0xE9)
    True
    """
    return text if text.isascii() else _normal("NFC", text)


def same_canonically(a: str, b: str) -> bool:
    """Whether two texts are canonically equivalent."""
    return a == b or canonical(a) == canonical(b)


def plain(text: str) -> str:
    """A text as it is read.

    >>> plain("It" + chr(0x2019) + "s 5" + chr(0xA0) + "km" + chr(0xB2)), plain(chr(0xFF12) + chr(0xBD))
    ("It's 5 km^2", '2 1⁄2')
    """
    if text.isascii():
        return text
    text = RAISED.sub(r"^\g<0>", text)
    text = FRACTION.sub(r" \g<0>", text)
    compatible = _normal("NFKC", text)
    text = UNSEEN.sub("", compatible if len(compatible) <= MAX_GROWTH * len(text) else _normal("NFC", text))
    for sign, usual in SIGNS.items():
        text = text.replace(sign, usual)
    return text


def both_plain(a: str, b: str) -> tuple[str, str]:
    """Two texts as they are read, side by side.

    >>> both_plain("كِتَاب", "كتاب") == ("كتاب", "كتاب")
    True
    """
    a, b = plain(a), plain(b)
    if not (a.isascii() or b.isascii()) and (POINTS.search(a) is None) != (POINTS.search(b) is None):
        return POINTS.sub("", a), POINTS.sub("", b)
    return a, b


def _normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    return normalize(form, LONG_RUN.sub(r"\g<0>" + JOINER, text))
