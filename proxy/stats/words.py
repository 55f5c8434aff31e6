"""Words of texts in any script, and which script it is."""

from __future__ import annotations

import re

UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # kana, Han
    "\U00020000-\U0003ffff"
)
"""Characters of scripts that put no spaces between words (Unicode 15, by block)."""

_WORDS = re.compile(f"[{UNSPACED}]|[^\\s{UNSPACED}]+")

_SCRIPTS = {
    "latin": re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
    "cyrillic": re.compile("[\u0400-\u052f]"),
    "greek": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f]"),
    "hebrew": re.compile("[\u0590-\u05ff]"),
    "indic": re.compile("[\u0900-\u0dff]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
    "kana": re.compile("[\u3040-\u30ff]"),
    "han": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "hangul": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
}
"""Scripts by Unicode block, the commonest."""

LOOKED_AT = 512
"""Characters of a text that say which script it is in."""


def words_of(text: str) -> list[str]:
    """The words of a text, a character each in scripts without spaces.

    >>> words_of("the cat"), words_of("猫がいる now")
    (['the', 'cat'], ['猫', 'が', 'い', 'る', 'now'])
    """
    return text.split() if text.isascii() else _WORDS.findall(text)


def script_of(text: str) -> str:
    """The script of most of the letters in the beginning of a text; `none` without letters, `other` of an unknown one.

    >>> [script_of(each) for each in ("hello", "привет", "猫がいる", "1 + 1", "ⵣ")]
    ['latin', 'cyrillic', 'kana', 'none', 'other']
    """
    text = text[:LOOKED_AT]
    if text.isascii():
        return "latin" if any(map(str.isalpha, text)) else "none"
    counts = {script: len(letters.findall(text)) for script, letters in _SCRIPTS.items()}
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] else "other" if any(map(str.isalpha, text)) else "none"
