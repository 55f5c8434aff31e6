"""Why TLS failed, in words that are few enough for a metric.

The words say what an operator looks for, whichever side found it: a certificate that the other side does not trust is
`untrusted` on both.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Literal, get_args

Reason = Literal[
    "untrusted",
    "expired",
    "name_mismatch",
    "no_certificate",
    "not_allowed",
    "protocol",
    "cipher",
    "not_tls",
    "timeout",
    "closed",
    "other",
]
"""`untrusted`: no chain to an authority of this side; `expired`: or not valid yet; `not_allowed`: trusted, and not in
`allow`; `protocol`: no version, or no application protocol, that both speak; `not_tls`: what came is no TLS."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class TlsError(Exception):
    """TLS that cannot be used: texts that make no context, or a peer that is not the one. Never holds a text of PEM."""

    def __init__(self, message: str, reason: Reason = "other") -> None:
        super().__init__(message)
        self.reason: Reason = reason


_VERIFY: dict[int, Reason] = {
    9: "expired",
    10: "expired",
    62: "name_mismatch",
    63: "name_mismatch",
    64: "name_mismatch",
}
"""X509_V_ERR_…: not valid yet, expired; host, mail, address mismatch. All others: untrusted."""

_WORDS: tuple[tuple[str, Reason], ...] = (
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "no_certificate"),
    ("CERTIFICATE_REQUIRED", "no_certificate"),
    ("CERTIFICATE_EXPIRED", "expired"),
    ("UNRECOGNIZED_NAME", "name_mismatch"),
    ("UNKNOWN_CA", "untrusted"),
    ("BAD_CERTIFICATE", "untrusted"),
    ("CERTIFICATE_UNKNOWN", "untrusted"),
    ("UNSUPPORTED_CERTIFICATE", "untrusted"),
    ("CERTIFICATE_REVOKED", "untrusted"),
    ("ACCESS_DENIED", "not_allowed"),
    ("HTTP_REQUEST", "not_tls"),
    ("HTTPS_PROXY_REQUEST", "not_tls"),
    ("WRONG_VERSION_NUMBER", "not_tls"),
    ("UNKNOWN_PROTOCOL", "not_tls"),
    ("UNSUPPORTED_PROTOCOL", "protocol"),
    ("PROTOCOL_VERSION", "protocol"),
    ("VERSION_TOO_LOW", "protocol"),
    ("VERSION_TOO_HIGH", "protocol"),
    ("WRONG_SSL_VERSION", "protocol"),
    ("NO_PROTOCOLS_AVAILABLE", "protocol"),
    ("NO_APPLICATION_PROTOCOL", "protocol"),
    ("INAPPROPRIATE_FALLBACK", "protocol"),
    ("NO_SHARED_CIPHER", "cipher"),
    ("NO_CIPHERS", "cipher"),
    ("INSUFFICIENT_SECURITY", "cipher"),
    ("HANDSHAKE_FAILURE", "cipher"),
    ("NO_SHARED_GROUP", "cipher"),
    ("NO_SUITABLE", "cipher"),
    ("UNEXPECTED_EOF", "closed"),
    ("CLOSE_NOTIFY", "closed"),
)
"""Parts of OpenSSL's reasons; the first that fits holds. A bare alert of a failed handshake is most often that of a
server that finds no cipher."""


def reason_of(error: BaseException) -> Reason:
    """The word for an error of a handshake, or of the connection that it was on."""
    return next((found for each in _causes(error) if (found := _reason(each))), "other")


def tls_reason(error: BaseException) -> Reason | None:
    """The word for the error of a call where TLS was at fault; None where anything else was."""
    return reason_of(error) if any(isinstance(each, ssl.SSLError | TlsError) for each in _causes(error)) else None


def told(error: BaseException) -> str:
    """The error of a call as a sentence for people: where TLS failed, with the word for it."""
    why = tls_reason(error)
    if why:
        return f"tls_failed ({why}): {error}"
    return f"{type(error).__name__}: {error}" if str(error) else _SILENT.get(type(error), type(error).__name__)


_SILENT: dict[type[BaseException], str] = {TimeoutError: "no answer in time"}
"""What errors mean that say nothing themselves."""


def _reason(error: BaseException) -> Reason | None:
    if isinstance(error, TlsError):
        return error.reason
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)  # a library's own class has none, and the real one as its cause
        return None if code is None else _VERIFY.get(code, "untrusted")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "closed"
    if isinstance(error, ssl.SSLError):
        said = (getattr(error, "reason", None) or str(error)).upper().replace(" ", "_")
        return next((reason for word, reason in _WORDS if word in said), None)
    if isinstance(error, TimeoutError) or _is_slow(error):
        return "timeout"
    return "closed" if isinstance(error, ConnectionError | EOFError) else None


def _is_slow(error: BaseException) -> bool:
    """Event loops abort a handshake that takes too long as if the other side had gone."""
    return isinstance(error, ConnectionAbortedError) and "taking longer" in str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
