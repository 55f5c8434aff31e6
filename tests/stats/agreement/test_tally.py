"""Counts and averages of the pairs of one version."""

from __future__ import annotations

import pytest

from proxy.stats.agreement.tally import AgreementTally, AnswerDifference


def test_a_tally_counts_kinds_of_disagreement_and_averages() -> None:
    tally = AgreementTally()
    for disagree, shift in ((False, 0.0), (True, 1.0), (False, 0.01)):
        tally.update(AnswerDifference(disagree, "number", shift))
    assert (tally.pairs, tally.disagreements, tally.kinds) == (3, 1, {"number": 1})
    assert tally.ratio == pytest.approx(1 / 3)
    assert tally.shift == pytest.approx(1.01 / 3)
    assert AgreementTally().ratio is None
