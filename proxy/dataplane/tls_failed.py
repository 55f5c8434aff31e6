"""Why a version could not be spoken to by TLS, in bounded words: values of metrics, and sentences for people.

Who is charged: the version, as with a connection that it refuses: it shows what nobody trusts, or does not trust what
it is shown. `own` alone is our fault: no context can be made of what the configuration names.
"""

from __future__ import annotations

import errno
from typing import Final

from proxy.contracts.compiler import mypyc_attr

SENTENCES: Final[dict[str, str]] = {
    "untrusted": "a certificate is of no authority that is trusted",
    "expired": "a certificate has expired, or is not valid yet",
    "name_mismatch": "the model server's certificate is of another name",
    "no_certificate": "the model server asks for a certificate, and none is configured",
    "not_allowed": "the model server does not admit our certificate",
    "protocol": "there is no version of TLS that both sides speak, or a rule of it was broken",
    "cipher": "there is no cipher that both sides have",
    "not_tls": "the model server does not speak TLS",
    "timeout": "the handshake did not end in time",
    "closed": "the model server ended the connection in the handshake",
    "own": "the configured certificates cannot be used",
    "other": "the handshake failed",
}
"""Reasons of a handshake that failed, to what problems and logs say."""


@mypyc_attr(native_class=False)  # no native class can be an OSError
class TlsFailed(OSError):
    """A handshake that failed. `why`: a key of `SENTENCES`; `strerror`: what clients may read of it."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EPROTO, f"TLS: {SENTENCES.get(why, SENTENCES['other'])}")
        self.why = why
