"""Bounds of texts that strangers chose (clients, model servers, callers of the API): how much of one is kept or shown.

Counting items is no bound where an item may be as long as a body: a name of 200,000 characters costs as much as all
names of a catalogue together. So a text is shortened where it comes in, before anything is keyed by it or made of it:

- `shortened` where equal texts must stay equal and others different: names, categories, identities. It ends in a hash.
- `clipped` where it is only read by people: sentences, paths, what a caller sent. It ends in "…".

Both leave a text that is short enough as it is, and do nothing to one that was through them already. What is shown as a
label, stored or hashed is `writable` too, and what goes to a terminal or a page `legible`.
"""

from __future__ import annotations

import re

CUT = "…"
"""The last character of a text that was cut, or the one before its hash."""

MAX_NAME = 128
"""Characters of a name that a body gives: of a tensor, a column, a feature, a tool, a model."""

MAX_VALUE = 256
"""Characters of a value: a category, a predicted class, a label."""

MAX_TEXT = 65_536
"""Characters of a generated text, or of the arguments of a call: eight times as many as are compared."""

MAX_PATH = 1024
"""Characters of a path, or of what a stranger said, in a line of the log or a span."""

MAX_SENTENCE = 2000
"""Characters of a sentence for people that quotes what a stranger sent: problems, reasons, errors, warnings."""

_HASH = 12


def shortened(text: str, most: int) -> str:
    """`text` in at most `most` characters; a longer one is its beginning and its hash, so that two of them stay two.

    >>> shortened("age", 128), shortened("a" * 1000, 20)
    ('age', 'aaaaaaa…41edece42d63')
    """
    if len(text) <= most:
        return text
    from hashlib import sha256  # half a megabyte, which the supervisor does without

    return f"{text[: most - _HASH - 1]}{CUT}{sha256(text.encode(errors='surrogatepass')).hexdigest()[:_HASH]}"


def is_shortened(text: str, most: int) -> bool:
    """Whether `text` is the beginning of a longer one, by `shortened`.

    >>> is_shortened(shortened("a" * 1000, 20), 20), is_shortened("a" * 20, 20)
    (True, False)
    """
    return len(text) == most and text[-_HASH - 1] == CUT


def clipped(text: str, most: int) -> str:
    """`text` in at most `most` characters; of a longer one the beginning.

    >>> clipped("of no use", 6)
    'of no…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}{CUT}"


def writable(text: str) -> str:
    """`text` as it can be written as UTF-8: JSON can hold halves of surrogate pairs, no file or answer can.

    >>> writable("café"), writable("\\ud800")
    ('café', '?')
    """
    return text if text.isascii() else text.encode(errors="replace").decode()


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls but tab and new line, marks that turn the direction of what follows, ends of lines that are no new line, and
halves of surrogate pairs."""


def legible(text: str) -> str:
    """`text` for whoever does not trust its author: nothing in it steers a terminal, or turns round what is beside it.

    >>> legible("a\\x1b[31mb" + chr(0x202E) + "c")
    'a�[31mb�c'
    """
    return _UNSEEN.sub("\ufffd", text)
