"""Names of error codes."""

from __future__ import annotations

from proxy.http2.codes import CANCEL, REFUSED_STREAM, name_of


def test_a_code_has_its_name_and_an_unknown_one_has_none() -> None:
    assert (name_of(REFUSED_STREAM), name_of(CANCEL), name_of(2**32 - 1)) == ("REFUSED_STREAM", "CANCEL", "unknown")
