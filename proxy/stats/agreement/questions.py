"""Pairs of texts that a judge is asked about (`analysis.judge`): a model of the user's own that scores them.

Rules:

1. Only texts that the route's comparer finds different are asked about, of completions, the first such choice; what is
   written alike needs no judge. Strings among outputs have the comparer's own result.
2. A pair waits for its score, and has no result until then. Without a score (not sampled, no room, the budget is spent,
   the judge fails or is late) the comparer's own result holds. So each pair ends as one of agrees, differs and lost.
3. A judge has seen no more than these texts. Where it says that they are the same, the rest is compared: further
   choices, refusals, finish reasons.
4. `MAX_QUESTIONS` wait at a time; a further pair is not asked about, counted (`left_out`).
"""

from __future__ import annotations

from collections import Counter, deque
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.comparers import Judge
from proxy.contracts.observation import Observation, Text
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.agreement.texts import TOO_LONG, compare_texts, is_cut

MAX_QUESTIONS = 256
"""Pairs that wait for a score, at most 128 KB of text each."""

KINDS = frozenset(("text", "reasoning"))
"""Kinds of differences that a judge may overrule."""

DRAWS = 10_000
"""Parts of a percent by which pairs are sampled."""


class Question(Struct, frozen=True, eq=False):
    """One pair, with what the comparer found and the rules in force."""

    reference: Observation
    copy: Observation
    found: AnswerDifference
    rules: AnswerRules
    judge: Judge

    @property
    def texts(self) -> tuple[str, str]:
        """The texts of the two that differ, or their reasoning where that does."""
        return _said(self.reference, self.found), _said(self.copy, self.found)

    @property
    def key(self) -> bytes:
        """The same for the same texts before the same judge."""
        parts = (self.judge.url, *self.texts)
        return sha256("".join(f"{len(part)}:{part}" for part in parts).encode(errors="surrogatepass")).digest()

    def result(self, score: float | None) -> AnswerDifference:
        """The difference by a score from 0 to 1; without one, that of the comparer."""
        if score is None:
            return self.found
        least = self.judge.agree
        if score >= least and ((rest := self._rest()).disagree or rest.lost):
            return rest
        told = f"judge: a score of {score:.3g}, {'at least' if score >= least else 'less than'} {least:g}"
        return AnswerDifference(score < least, "text", 1.0 - score, self.found.overlap, self.found.row, told)

    def _rest(self) -> AnswerDifference:
        """What the comparer finds of two answers that say the same where they were judged."""
        mine, other = self.reference.text, self.copy.text
        if mine is None or other is None:
            return self.found
        if any(map(is_cut, self.texts)):
            return replace(self.found, disagree=False, lost=TOO_LONG)
        alike = replace(_choice(other, self.found), **{_part(self.found): self.texts[0]})
        row = self.found.row
        others = (*other.others[: row - 1], alike, *other.others[row:])
        return compare_texts(mine, replace(other, others=others) if row else alike, self.rules)


def _choice(text: Text, found: AnswerDifference) -> Text:
    return text.others[found.row - 1] if found.row else text


def _part(found: AnswerDifference) -> str:
    return "reasoning" if found.kind == "reasoning" else "text"


def _said(leg: Observation, found: AnswerDifference) -> str:
    if leg.text is None:
        return ""
    said: str = getattr(_choice(leg.text, found), _part(found))
    return said


class Questions:
    """Those that wait to be asked, and those that were taken to be."""

    __slots__ = ("_waiting", "held", "left_out")

    def __init__(self) -> None:
        self._waiting: deque[Question] = deque()
        self.held: Counter[str] = Counter()
        """Pairs without a result yet, by route."""
        self.left_out = 0
        """Pairs that were not asked about because `MAX_QUESTIONS` waited."""

    def hold(self, reference: Observation, copy: Observation, found: AnswerDifference, rules: AnswerRules) -> bool:
        """Whether the pair waits for a score."""
        judge = rules.analysis.judge
        if judge is None or not found.disagree or found.kind not in KINDS or not _is_sampled(copy, judge.sample):
            return False
        if reference.text is None or copy.text is None:
            return False
        if self.held.total() >= MAX_QUESTIONS:
            self.left_out += 1
            return False
        self._waiting.append(Question(reference, copy, found, rules, judge))
        self.held[copy.route] += 1
        return True

    def take(self) -> list[Question]:
        """Those that wait to be asked; each must be settled."""
        taken, self._waiting = list(self._waiting), deque()
        return taken

    def settle(self, question: Question) -> None:
        """A question has its result."""
        self.held[question.copy.route] -= 1


def _is_sampled(copy: Observation, percent: float) -> bool:
    """By request, so that a noise copy is asked about with its shadow."""
    drawn = int.from_bytes(sha256(f"{copy.source}{copy.exchange}".encode()).digest()[:4], "big") % DRAWS
    return drawn < percent * DRAWS / 100.0
