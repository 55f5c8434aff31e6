"""Why a message cannot be rewritten is what clients are answered with."""

from __future__ import annotations

from proxy.contracts.failure import FAILURES
from proxy.contracts.outcome import outcome_of
from proxy.routing.rewrite import unwritable
from proxy.routing.rewrite.unwritable import Unwritable


def test_each_reason_is_a_failure_that_is_charged_to_nobody() -> None:
    reasons = {value for name, value in vars(unwritable).items() if name.isupper()}
    assert reasons == {name for name in FAILURES if name.startswith("rewrite_")}
    assert {outcome_of(reason) for reason in reasons} == {"limited"}


def test_it_says_why() -> None:
    assert (str(Unwritable("a", "b")), Unwritable("a", "b").reason) == ("b", "a")
