"""Texts that say the same, by the comparer of the route (`settings.TextComparer`).

| comparer | texts differ when |
|---|---|
| `exact` | any character does |
| `words` | more than `analysis.text_edits` of the words were edited; a character of a script without spaces is a word |
| `characters` | the same of the characters |
| `json` | they are other documents (`documents`), or one is none |
| `auto` | `json` where both are documents, bare or between fences, else `words` |

All but `exact` read texts as a reader does: two forms of a character, kinds of quotes and of white space are the same
(`writing`), short texts are numbers or labels, never similar (`short_texts`).

Edits are those of Levenshtein (1966), as a part of the longer text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from proxy.contracts.bounds import MAX_TEXT, MAX_VALUE, is_shortened
from proxy.contracts.observation import Text
from proxy.stats.agreement.documents import NO_DOCUMENT, DocumentComparison, Enclosed, document_of, enclosed
from proxy.stats.agreement.rules import DEFAULT_RULES, AnswerRules
from proxy.stats.agreement.short_texts import compare_short, is_short, number_of
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.agreement.writing import both_plain, same_canonically
from proxy.stats.words import words_of

MAX_WORDS = 2048
"""Words or characters that are compared at a time: edit distance grows with the square of them. Longer texts, less what
they begin and end with alike, are compared in blocks of so many, side by side."""

MAX_BLOCKS = 8
"""Blocks of a text that are compared, evenly spread over it: some 3 ms each of characters, 7 of words. A text of a
language has less in words; one of characters, or of words of one letter, is judged by these, and counted as sampled."""

USUAL_DISTANCE = 0.1
"""Part of two texts that is edited, as a hint: the distance is the same without, and takes four times as long where
texts of a kilobyte differ by less."""

MAX_STEPS = 20_000
"""Parts of documents that are met with parts of others, for two texts, or for all calls of an answer: a microsecond or
two each. Beyond it what has no order is compared by place, and what is deep as it is."""


TOO_LONG = "text_too_long"
"""Reason of pairs whose texts are alike as far as they are kept (`contracts.bounds.MAX_TEXT`), and are not the same."""


class TextDifference(NamedTuple):
    """What two texts differ in."""

    differs: bool
    distance: float
    """The part that was edited; of documents 0 or 1."""
    found: str = ""
    """What was found."""
    lost: str = ""
    """Why it cannot be told whether they differ."""


def compare_text(a: str, b: str, rules: AnswerRules) -> TextDifference:
    """The difference of two texts by the comparer of the route. Of texts that are not kept to their end, the beginnings
    differ, or it is not known."""
    if a == b:
        return TextDifference(False, 0.0)
    found = _compare_kept(a, b, rules)
    if rules.text == "exact" or not (is_cut(a) or is_cut(b)):
        return found
    if found.differs:
        return found._replace(found=f"{found.found}, as far as they were kept")
    return found._replace(lost=TOO_LONG)


def is_cut(text: str) -> bool:
    """Whether a text was longer than is kept, of an answer or of a value."""
    return is_shortened(text, MAX_TEXT) or is_shortened(text, MAX_VALUE)


def _compare_kept(a: str, b: str, rules: AnswerRules) -> TextDifference:
    if rules.text == "exact":
        return TextDifference(True, _distance(a, b, rules), "exact: the texts are not the same")
    if rules.text in ("auto", "json"):
        mine, other = enclosed(a), enclosed(b)
        if NO_DOCUMENT not in (mine.document, other.document):
            return _documents(mine, other, rules)
        if rules.text == "json" and (number_of(a) is None or number_of(b) is None):
            return TextDifference(True, 1.0, "json: one of the texts is no JSON document")
    return _as_read(a, b, rules)


def _as_read(a: str, b: str, rules: AnswerRules) -> TextDifference:
    a, b = both_plain(a, b)
    found = compare_short(a, b, rules)
    if found is not None:
        return TextDifference(bool(found), _distance(words_of(a), words_of(b), rules) if found else 0.0, found)
    if rules.text == "characters":
        return _edited(" ".join(a.split()), " ".join(b.split()), "characters", rules)
    return _edited(words_of(a), words_of(b), "words", rules)


def _documents(a: Enclosed, b: Enclosed, rules: AnswerRules) -> TextDifference:
    for mine, other in ((a.before, b.before), (a.behind, b.behind)):
        around = _as_read(mine, other, rules)
        if around.differs:
            return around
    path = DocumentComparison(rules, partial(_same_inside, rules), MAX_STEPS).differs(a.document, b.document)
    if path is None:
        return TextDifference(False, 0.0)
    return TextDifference(True, 1.0, f"json: {path or 'the whole'} differs")


def _same_inside(rules: AnswerRules, a: str, b: str) -> bool:
    """Whether two texts of documents say the same: short ones are values, that programs read as they are."""
    if same_canonically(a, b):
        return True
    if is_short(a) or is_short(b):
        return False
    a, b = both_plain(a, b)
    return not _edited(words_of(a), words_of(b), "words", rules).differs


def _edited(a: Sequence[str], b: Sequence[str], unit: str, rules: AnswerRules) -> TextDifference:
    distance, most = _distance(a, b, rules), rules.analysis.text_edits
    found = f"{unit}: {distance:.0%} of {max(len(a), len(b)):,} were edited, more than {most:.0%}"
    return TextDifference(distance > most, distance, found)


def _distance(a: Sequence[str], b: Sequence[str], rules: AnswerRules) -> float:
    from rapidfuzz.distance import Levenshtein, Postfix, Prefix  # 3 MB that only texts need

    longer = max(len(a), len(b))
    if longer <= MAX_WORDS:
        return float(Levenshtein.normalized_distance(a, b, score_hint=USUAL_DISTANCE))
    alike = Prefix.similarity(a, b)
    a, b = a[alike:], b[alike:]
    alike = Postfix.similarity(a, b)
    a, b = a[: len(a) - alike], b[: len(b) - alike]
    left = max(len(a), len(b))
    starts = range(0, left, MAX_WORDS)
    taken = starts[:: max(-(-len(starts) // MAX_BLOCKS), 1)]
    rules.left_out += len(taken) < len(starts)
    blocks = [(a[at : at + MAX_WORDS], b[at : at + MAX_WORDS]) for at in taken]
    # Never less than of the whole, and hardly more: a block begins later on one side by as much as went before.
    edited = float(sum(Levenshtein.distance(*block) for block in blocks))
    if len(taken) < len(starts):
        edited = max(edited, 1.0) * left / sum(max(map(len, block)) for block in blocks)  # the first of them differ
    return edited / longer


def compare_texts(mine: Text, other: Text, rules: AnswerRules = DEFAULT_RULES) -> AnswerDifference:
    """The difference of two completions, choice by choice: calls of tools first, then refusals, texts, what was thought
    aloud, and finish reasons."""
    found = _compare_choice(mine, other, rules)
    if found.disagree or (not mine.others and not other.others):
        return found
    lost = found.lost
    if len(mine.others) != len(other.others):
        counts = f"choices: {1 + len(mine.others)} and {1 + len(other.others)}"
        return AnswerDifference(True, "shape", found.shift, comparer=counts)
    pairs = list(zip(mine.others, other.others, strict=True))
    places = [at for at, (x, y) in enumerate(pairs) if x != y]
    for at in [places[each] for each in rules.some([max(map(_length, pairs[at])) for at in places])]:
        further = _compare_choice(*pairs[at], rules)
        if further.disagree:
            return replace(further, row=1 + at)
        lost = lost or further.lost
    return replace(found, lost=lost) if lost else found


def _length(choice: Text) -> int:
    return len(choice.text) + len(choice.reasoning) + sum([len(arguments) for _, arguments in choice.tools])


def _compare_choice(mine: Text, other: Text, rules: AnswerRules) -> AnswerDifference:
    text = compare_text(mine.text, other.text, rules)
    if mine.tools != other.tools and (found := _tools(mine.tools, other.tools)):
        return AnswerDifference(True, "tools", text.distance, comparer=found)
    if text.differs:
        return AnswerDifference(True, "text", text.distance, prefix(mine.text, other.text), comparer=text.found)
    overlap = prefix(mine.text, other.text)
    if bool(mine.refusal) != bool(other.refusal):
        return AnswerDifference(
            True, "refusal", text.distance, overlap, comparer="refusal: only one of the two refuses"
        )
    thought = compare_text(mine.reasoning, other.reasoning, rules)
    alone = not (mine.text and other.text)  # else an answer may be reached in many ways
    if thought.differs and alone:
        return AnswerDifference(True, "reasoning", thought.distance, comparer=f"reasoning: {thought.found}")
    if mine.finish != other.finish:
        found = f"finish: {mine.finish or 'no reason'} and {other.finish or 'no reason'}"
        return AnswerDifference(True, "finish", text.distance, overlap, comparer=found)
    return AnswerDifference(False, "finish", text.distance, overlap, lost=text.lost or (thought.lost if alone else ""))


Calls = tuple[tuple[str, str], ...]


def _tools(mine: Calls, other: Calls) -> str:
    """What differs in the calls of tools, whose arguments are JSON; in parallel calls the order says nothing."""
    if len(mine) != len(other):
        return f"tools: {len(mine)} and {len(other)} calls"
    left = [_Call(*call) for call in (Counter(other) - Counter(mine)).elements()]
    places = list((Counter(mine) - Counter(other)).elements())
    comparison = DocumentComparison(None, same_canonically, MAX_STEPS)
    for call in [_Call(*each) for each in places]:
        met = next((to for to, each in enumerate(left) if call.is_like(each, comparison)), None)
        if met is None:
            at = mine.index((call.name, call.arguments))
            return f"tools: call {at} of {call.name[:64]} has other arguments, or no counterpart"
        del left[met]
    return ""


class _Call:
    """A call whose arguments are read once, and only when they are asked for."""

    def __init__(self, name: str, arguments: str) -> None:
        self.name, self.arguments = name, arguments

    @cached_property
    def document(self) -> Any:
        return document_of(self.arguments)

    def is_like(self, other: _Call, comparison: DocumentComparison) -> bool:
        """Whether both are of the same tool with the same arguments."""
        if self.name != other.name or NO_DOCUMENT in (self.document, other.document):
            return self.name == other.name and self.arguments.strip() == other.arguments.strip()
        return comparison.differs(self.document, other.document) is None


def same_call(mine: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two calls are of the same tool with the same arguments.

    >>> same_call(("f", '{"a": 1.0, "b": 2}'), ("f", '{"b":2,"a":1}'))
    True
    """
    return mine == other or _Call(*mine).is_like(_Call(*other), DocumentComparison(None, same_canonically))


def prefix(a: str, b: str) -> float:
    """The part of the longer text that both begin with."""
    if a == b:
        return 1.0
    from rapidfuzz.distance import Prefix  # 3 MB that only texts need

    return Prefix.similarity(a, b) / max(len(a), len(b))
