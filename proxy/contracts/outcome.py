"""Outcomes: how a leg ended, exactly one of six. What is charged to whom follows from these tables alone.

Rules:

1. A request that asks no model for anything is *not an inference*: it passes through, and is evidence of nothing.
2. What a limit of this proxy ended is *limited*, and charged to nobody; a deadline that a version has to meet is no
   such limit, and missing it is *failed*.
3. A client that leaves before the end *abandons* the leg. That is no success of the version: both versions meet the
   same clients, so a version whose clients leave more often has done something to them. One that leaves before its
   request is complete has waited for nobody: such a leg is *limited*, unless the version did not read. A copy has no
   client of its own: one that ends with its client's leaving is *limited*. A client that has said until when it waits
   (`grpc-timeout`) leaves then, whoever notices it first: the client, this proxy, or the version, whose
   DEADLINE_EXCEEDED is the client's where the client gave less than `timeouts.response` (`is_of_client`).
4. A version that says that it will not (3xx, 4xx) has *refused*, even where the request deserves it: the primary gets
   such requests as often.
5. An answer that shows an error in its body or stream, has no proper end, is empty or cannot be read where the protocol
   promises a body, or holds numbers that are none has *failed*, whatever its status says.
6. Everything else is *good*.

Rules 1 to 4 follow from what the worker counts for every leg, exactly (`outcome_of`); rule 5 needs the body, and is
decided by `payload` for the legs whose bodies are analysed (`CONTENT`).
"""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

from msgspec import Struct

from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import DEADLINE_EXCEEDED, status_of

Outcome = Literal["good", "failed", "refused", "abandoned", "limited", "not_an_inference"]

Charge = Literal["version", "nobody"]


class OutcomeRow(Struct, frozen=True):
    """What an outcome means for statistics."""

    name: Outcome
    counted: bool
    """Whether the leg is one of the n inferences that rates are parts of."""
    charge: Charge
    """Whom the leg is charged to, relative to the primary."""
    metrics: tuple[str, ...]
    """The lines of a scorecard that count the leg as a bad event."""
    text: str
    """One sentence for `docs/outcomes.md`."""


OUTCOMES: dict[Outcome, OutcomeRow] = {
    row.name: row
    for row in (
        OutcomeRow("good", True, "nobody", (), "The version answered an inference, and nothing is wrong with it."),
        OutcomeRow(
            "failed",
            True,
            "version",
            ("error_rate", "invalid_rate"),
            "The version did not answer, answered with 5xx, or gave an answer that is none.",
        ),
        OutcomeRow(
            "refused",
            True,
            "version",
            ("refusal_rate",),
            "The version answered with 3xx or 4xx: it will not.",
        ),
        OutcomeRow(
            "abandoned", True, "version", ("abandonment_rate",), "The client left before the answer was complete."
        ),
        OutcomeRow("limited", False, "nobody", (), "A limit of this proxy ended the leg."),
        OutcomeRow(
            "not_an_inference",
            False,
            "nobody",
            (),
            "The request asked no model for anything: health, readiness, metadata, listings, CORS, tunnels.",
        ),
    )
}
"""Every outcome, in the order in which documents list them."""

assert tuple(OUTCOMES) == get_args(Outcome)

ContentReason = Literal[
    "error_in_body",
    "error_in_stream",
    "unfinished_stream",
    "empty_body",
    "unreadable_body",
    "not_a_number",
    "broken_schema",
]

CONTENT: dict[ContentReason, str] = {
    "error_in_body": "The body of a successful status is an error.",
    "error_in_stream": "An event of the stream is an error.",
    "unfinished_stream": "The stream ends without the end that its protocol has.",
    "empty_body": "The protocol promises a body, and there is none.",
    "unreadable_body": "The body is not what the protocol promises.",
    "not_a_number": "A predicted number is NaN or infinite.",
    "broken_schema": "The text, or a call of a tool, is not of the JSON Schema that the request gives for it.",
}
"""Why an answer of a successful status has failed (rule 5); label values of `penumbra_invalid_total`."""


_ENDED_AS: dict[Outcome, frozenset[str]] = {
    "failed": frozenset(
        (
            *("connect_failed", "connect_timeout", "tls_failed", "reset", "malformed", "fields_too_large"),
            *("response_timeout", "idle_timeout", "total_timeout", "late"),
        )
    ),
    "abandoned": frozenset(("client_abort", "client_deadline")),
}
"""The outcome of a leg that failed, by its reason; a reason that is not here is a limit of this proxy, or a mistake of
the client."""

CHARGED_FAILURES = _ENDED_AS["failed"]
"""Reasons of failures that are charged to a version."""

assert FAILURES.keys() > CHARGED_FAILURES


def is_of_client(code: int, given: float, own: float) -> bool:
    """Whether a call of gRPC that a version has ended with `code` ended at its client's deadline (rule 3).

    - `given`: seconds that the client gave the whole call, inf: it has not said; `own`: `timeouts.response`
    """
    return code == DEADLINE_EXCEEDED and given < own


def outcome_of_status(status: int) -> Outcome:
    """The outcome of an inference that was answered with `status`, as far as the head tells (RFC 9110 §15)."""
    if status >= 500:
        return "failed"
    return "refused" if status >= 300 else "good"


@cache
def outcome_of(code: str, copy: bool = False) -> Outcome:
    """The outcome of an inference's leg, by its code: a status in digits, a status of gRPC, or the reason of a failure.

    - `copy`: the leg is a copy, whose answer no client gets
    """
    if code.isdecimal():
        return outcome_of_status(int(code))
    if (status := status_of(code)) is not None:
        return outcome_of_status(status)
    outcome: Outcome = next((outcome for outcome, reasons in _ENDED_AS.items() if code in reasons), "limited")
    return "limited" if copy and outcome == "abandoned" else outcome
