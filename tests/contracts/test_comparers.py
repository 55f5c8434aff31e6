"""The words of a configuration about how answers are compared."""

from __future__ import annotations

from proxy.contracts.comparers import COMPARERS, OutputRule
from proxy.stats.agreement.compare import COMPARERS as KNOWN


def test_every_comparer_of_numbers_is_known() -> None:
    # `numbers` is what any other falls back to; the rest have a place of their own in `compare`.
    assert set(COMPARERS) - set(KNOWN) == {"ranking", "boxes", "text"}
    assert OutputRule().comparer == ""
