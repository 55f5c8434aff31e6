"""Answers that give nothing, as warnings: pairs that are lost, and bodies that cannot be read or are no answers.

Verdicts rest on what could be compared and read. Where more than `MOST_LOST` could not be, in one span, the route says
how many, why, and names a request to look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from proxy.contracts.notices import Notice
from proxy.contracts.observation import NOT_LOOKED_AT
from proxy.stats.board import Board

MOST_LOST = 0.1
"""Part of the due pairs, or of the bodies, above which their loss is warned about."""

MIN_ANSWERS = 20
"""Pairs or bodies in a span below which nothing is said."""

MOST_REASONS = 3
"""Reasons that a warning names, the most frequent first."""

Subject = tuple[str, str, str]
"""Route, version and what of it: `pairs`, `request` or `response`."""

TEXTS = {
    "pairs": "answers of {version} could not be compared with the primary's",
    "response": "answers of {version} cannot be read or are no answers",
    "request": "requests to {version} cannot be read",
}

_KINDS = {"pairs": "answers-not-compared", "response": "answers-unreadable", "request": "requests-unreadable"}


class LostAnswers:
    """The warnings of the last span by subject; `update` at the end of each span."""

    __slots__ = ("_before", "faults")

    def __init__(self) -> None:
        self._before: tuple[Counter[Subject], Counter[tuple[Subject, str]]] = Counter(), Counter()
        self.faults: dict[Subject, str] = {}

    def update(self, board: Board) -> None:
        """Judges what has come since the last call. A warning stays while too little comes to take it back."""
        totals, lost = _totals(board), _lost(board)
        came, gone = totals - self._before[0], lost - self._before[1]
        examples = _examples(board)
        subjects = {subject for subject, _ in gone}
        found = {subject: fault for subject in subjects if (fault := _fault(subject, came[subject], gone, examples))}
        stay = {subject: fault for subject, fault in self.faults.items() if came[subject] < MIN_ANSWERS}
        self._before, self.faults = (totals, lost), stay | found

    def of(self, route: str, gone: Collection[str] = ()) -> list[str]:
        """The warnings of a route. `gone`: versions that were taken off: what their answers were is over with that."""
        return [notice.text for notice in self.notices(route, gone)]

    def notices(self, route: str, gone: Collection[str] = ()) -> list[Notice]:
        """The same with their kinds."""
        there = (each for each in sorted(self.faults.items()) if each[0][0] == route and each[0][1] not in gone)
        return [Notice(_KINDS[what], fault) for (_, _, what), fault in there]


def _lost(board: Board) -> Counter[tuple[Subject, str]]:
    """Losses by subject and reason. Copies that were not sent have a warning of their own."""
    lost: Counter[tuple[Subject, str]] = Counter()
    for (route, version, result, reason), n in board.pairs.items():
        if result == "lost":
            lost[(route, version, "pairs"), reason] += n - board.counters.shadow_dropped[route, version, reason]
    for (route, version, _, side, reason), n in board.unreadable.items():
        lost[(route, version, side), reason] += n
    for (route, version, _, reason), n in board.content.read.items():
        lost[(route, version, "response"), reason] += n
    return lost


def _totals(board: Board) -> Counter[Subject]:
    """Due pairs and analysed bodies by subject."""
    totals: Counter[Subject] = Counter()
    for (route, version, _, reason), n in board.pairs.items():
        totals[route, version, "pairs"] += n - board.counters.shadow_dropped[route, version, reason]
    for (route, version, _), n in board.content.analysed.items():
        totals[route, version, "response"] += n
        totals[route, version, "request"] += n
    for (route, version, _), n in board.content.endings.items():
        totals[route, version, "response"] -= n
        totals[route, version, "request"] -= n
    for (route, version, _, side, reason), n in board.unreadable.items():
        if reason == "too_large" or (side == "response" and reason in NOT_LOOKED_AT):  # not analysed, or by its end
            totals[route, version, "response"] += n
            totals[route, version, "request"] += n
    return totals


def _examples(board: Board) -> dict[tuple[Subject, str], str]:
    pairs = (((route, version, "pairs"), reason, id_) for (route, version, reason), id_ in board.lost_requests.items())
    bodies = (
        ((route, version, side), reason, id_) for (route, version, side, reason), id_ in board.unread_requests.items()
    )
    both: Iterable[tuple[Subject, str, str]] = chain(pairs, bodies)
    return {(subject, reason): id_ for subject, reason, id_ in both}


def _fault(
    subject: Subject,
    came: int,
    gone: Mapping[tuple[Subject, str], int],
    examples: Mapping[tuple[Subject, str], str],
) -> str:
    _, version, what = subject
    reasons = Counter({reason: n for (whose, reason), n in gone.items() if whose == subject})
    lost = reasons.total()
    if came < MIN_ANSWERS or lost <= MOST_LOST * came:
        return ""
    named = ", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common(MOST_REASONS))
    example = next(
        (examples[subject, reason] for reason, _ in reasons.most_common() if (subject, reason) in examples), ""
    )
    told = f"; for example request {example}" if example else ""
    return f"{min(lost, came):,} of {came:,} {TEXTS[what].format(version=version)}: {named}{told}"
