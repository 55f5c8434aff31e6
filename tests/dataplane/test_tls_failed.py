"""What a failed handshake is called, and whom it is charged to."""

from __future__ import annotations

import ssl

import pytest

from proxy.contracts.failure import FAILURES
from proxy.contracts.outcome import outcome_of
from proxy.dataplane.local_fault import is_silence, reason_of, reason_of_end
from proxy.dataplane.tls_failed import SENTENCES, TlsFailed
from proxy.dataplane.tls_layer import truncated


@pytest.mark.parametrize("why", SENTENCES)
def test_it_is_charged_to_the_version_but_for_certificates_of_our_own_that_cannot_be_used(why: str) -> None:
    error = TlsFailed(why)
    reason = reason_of(error)
    assert reason == ("internal" if why == "own" else "tls_failed") and reason in FAILURES
    assert outcome_of(reason) == ("limited" if why == "own" else "failed")
    assert is_silence(error) == (why == "timeout")


def test_the_end_of_a_connection() -> None:
    assert reason_of_end(truncated()) == "reset", "as any other that was cut off"
    assert reason_of_end(ssl.SSLError(1, "tlsv13 alert certificate required")) == "tls_failed"
