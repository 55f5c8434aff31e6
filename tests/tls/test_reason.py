"""Why a handshake failed, in few words, on both sides."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from proxy.tls.reason import REASONS, TlsError, reason_of, tls_reason, told
from proxy.tls.server import server_context
from tests.support.certificates import Authority, server_tls
from tests.support.handshakes import shake

CA = Authority()
SERVER = server_context(server_tls(CA.issue("dns:localhost")))


def error(reason: str) -> ssl.SSLError:
    made = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:1)")
    made.reason = reason
    return made


def from_cause(cause: BaseException) -> Exception:
    made = OSError("connection failed")
    made.__cause__ = cause
    return made


@pytest.mark.parametrize(
    ("caught", "reason"),
    [
        (TlsError("x", "not_allowed"), "not_allowed"),
        (TlsError("x"), "other"),
        (error("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "no_certificate"),
        (error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "no_certificate"),
        (error("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "expired"),
        (error("SSLV3_ALERT_CERTIFICATE_UNKNOWN"), "untrusted"),
        (error("TLSV1_ALERT_UNKNOWN_CA"), "untrusted"),
        (error("TLSV1_UNRECOGNIZED_NAME"), "name_mismatch"),
        (error("UNSUPPORTED_PROTOCOL"), "protocol"),
        (error("TLSV1_ALERT_PROTOCOL_VERSION"), "protocol"),
        (error("NO_SHARED_CIPHER"), "cipher"),
        (error("SSLV3_ALERT_HANDSHAKE_FAILURE"), "cipher"),
        (error("HTTP_REQUEST"), "not_tls"),
        (error("WRONG_VERSION_NUMBER"), "not_tls"),
        (error("SOMETHING_NEW"), "other"),
        (ssl.SSLEOFError(8, "EOF"), "closed"),
        (ssl.SSLZeroReturnError(6, "closed"), "closed"),
        (ConnectionResetError(), "closed"),
        (EOFError(), "closed"),
        (TimeoutError(), "timeout"),
        (
            ConnectionAbortedError("SSL handshake is taking longer than 10.0 seconds: aborting the connection"),
            "timeout",
        ),
        (from_cause(error("NO_SHARED_CIPHER")), "cipher"),
        (ValueError("x"), "other"),
    ],
)
def test_each_error_has_a_word(caught: Exception, reason: str) -> None:
    assert reason_of(caught) == reason and reason in REASONS


def test_a_chain_of_causes_may_be_a_circle() -> None:
    one = OSError("one")
    one.__cause__ = two = OSError("two")
    two.__cause__ = one
    assert reason_of(one) == "other"


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({}, "other.example", "name_mismatch"),
        ({"verify": False}, "localhost", "untrusted"),
    ],
)
def test_errors_of_real_handshakes(change: dict[str, Any], name: str, reason: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if change.get("verify", True):
        context.load_verify_locations(cadata=CA.certificate)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake(SERVER, context, name)
    assert reason_of(caught.value) == reason


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 64, b"SSH-2.0-OpenSSH_9\r\n"])
def test_what_is_no_tls_is_told_apart(sent: bytes) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = SERVER.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(sent)
    with pytest.raises(ssl.SSLError) as caught:
        side.do_handshake()
    assert reason_of(caught.value) == "not_tls", caught.value


class OfALibrary(ssl.SSLCertVerificationError, OSError):
    """A class of its own, as those of HTTP libraries: without what OpenSSL said, which is its cause."""

    def __init__(self, text: str) -> None:
        OSError.__init__(self, text)


def test_what_a_library_makes_of_an_error_has_the_word_of_its_cause() -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake(SERVER, ssl.create_default_context(), "localhost")
    wrapped = OfALibrary("cannot connect")
    wrapped.__cause__ = caught.value
    assert tls_reason(wrapped) == "untrusted"
    assert told(wrapped).startswith("tls_failed (untrusted): ")


def test_what_has_nothing_to_do_with_tls_is_told_as_it_is() -> None:
    error = ConnectionRefusedError("refused")
    assert tls_reason(error) is None
    assert told(error) == "ConnectionRefusedError: refused"
    assert told(TlsError("no key")) == "tls_failed (other): no key"
    assert told(TimeoutError()) == "no answer in time" and told(ConnectionResetError()) == "ConnectionResetError"
