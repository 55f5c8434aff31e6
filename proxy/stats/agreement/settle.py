"""What becomes of a due pair: exactly one of agrees, differs, lost.

A pair is due when the primary answered an inference with success and a copy of the request was sent. Rules, in order:

1. A reference that is no success (failed, refused, abandoned): no pair is due.
2. A copy that a limit of this proxy or the client ended: *lost*, by that reason. What we ended says nothing.
3. A copy that failed or was refused: *differs* (`status`).
4. A reference whose body cannot be read or is no answer: *lost*, by its reason. There is nothing to hold the copy
   against, whether it can be read or not.
5. A copy whose body is no answer (`contracts.outcome.CONTENT`), or in a form that is not read, beside a reference that
   is read: *differs*, by its reason. The exception is emptiness: no predictions beside none are compared.
6. A copy that a bound of this program left unread (too large, an unknown content coding): *lost*, by that reason,
   unless its end shows that it failed.
7. Everything else is compared (`compare`). Two answers that both hold nothing are *lost*, never equal, and so are those
   that are alike as far as they were kept, and differ in the rest.
"""

from __future__ import annotations

from proxy.contracts.observation import NOT_LOOKED_AT, Observation
from proxy.contracts.outcome import outcome_of
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.rules import DEFAULT_RULES, AnswerRules
from proxy.stats.agreement.tally import AnswerDifference

NOTHING = "nothing"
"""Reason of pairs whose answers hold nothing that could be compared."""

Settled = AnswerDifference | str | None
"""The difference of a pair that was compared, the reason of one that is lost, None where none was due."""


def settle(reference: Observation, copy: Observation, rules: AnswerRules = DEFAULT_RULES) -> Settled:
    """What becomes of a pair, by the rules of its route."""
    if not reference.answered:
        return None
    if not copy.answered:
        charged = not copy.failure or outcome_of(copy.failure) == "failed"
        return AnswerDifference(True, "status") if charged else copy.failure
    if reason := reference.unreadable_response or reference.content:
        return reason
    ours = copy.unreadable_response in NOT_LOOKED_AT
    if ours and not copy.content:
        return copy.unreadable_response
    reason = copy.content if ours else copy.unreadable_response or copy.content
    if reason and not (copy.outputs and reason == "empty_body"):
        return AnswerDifference(True, reason)
    found = compare(reference, copy, rules)
    return NOTHING if found is None else found.lost or found
