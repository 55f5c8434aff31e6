"""The context towards a server: whom it believes, and what it shows."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from proxy.tls.client import client_context
from proxy.tls.peer import verify
from proxy.tls.reason import TlsError, reason_of
from proxy.tls.server import ServerContexts
from tests.support.certificates import Authority, client_tls, server_tls
from tests.support.handshakes import shake

CA = Authority()
MIDDLE = Authority("middle", parent=CA)
SERVER = ServerContexts(server_tls(CA.issue("dns:localhost", "ip:127.0.0.1", "spiffe://prod/triton")))


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        ({"ca": CA}, "localhost", None),
        ({"ca": CA}, "127.0.0.1", None),
        ({"ca": CA}, "other", "name_mismatch"),
        ({"ca": CA}, "127.0.0.2", "name_mismatch"),
        ({"ca": Authority("other")}, "localhost", "untrusted"),
        ({}, "localhost", "untrusted"),
        ({"insecure_skip_verify": True}, "other", None),
        ({"ca": CA, "san": "spiffe://prod/triton"}, "other", None),
        ({"ca": CA, "san": "spiffe://prod/trit"}, "localhost", "name_mismatch"),
        ({"ca": CA, "min_version": "1.3"}, "localhost", None),
    ],
)
def test_whom_it_believes(given: dict[str, Any], name: str, reason: str | None) -> None:
    tls = client_tls(**given)
    try:
        verify(tls, shake(SERVER.front, client_context(tls), name).client.getpeercert())
    except (ssl.SSLError, TlsError) as error:
        assert reason_of(error) == reason
    else:
        assert reason is None


def test_a_common_name_is_no_name() -> None:
    named = ServerContexts(server_tls(CA.issue(common_name="localhost")))
    with pytest.raises(ssl.SSLError):
        shake(named.front, client_context(client_tls(CA)))


def test_times_are_checked() -> None:
    for begin, end in ((None, 1_000_000_000.0), (4_000_000_000.0, 4_100_000_000.0)):
        server = ServerContexts(server_tls(CA.issue("dns:localhost", not_before=begin, not_after=end)))
        with pytest.raises(ssl.SSLError) as caught:
            shake(server.front, client_context(client_tls(CA)))
        assert reason_of(caught.value) == "expired"


def test_an_intermediate_authority_may_be_all_that_is_trusted() -> None:
    server = ServerContexts(server_tls(MIDDLE.issue("dns:localhost")))
    for trusted in (CA, MIDDLE):
        shake(server.front, client_context(client_tls(trusted)))


def test_a_chain_without_its_middle_is_not_believed() -> None:
    own = MIDDLE.issue("dns:localhost")
    alone = own._replace(certificate=own.certificate.split("-----END")[0] + "-----END CERTIFICATE-----\n")
    with pytest.raises(ssl.SSLError):
        shake(ServerContexts(server_tls(alone)).front, client_context(client_tls(CA)))


def test_it_shows_its_own_certificate_where_it_is_asked() -> None:
    own = CA.issue("spiffe://prod/penumbra")
    asking = ServerContexts(server_tls(CA.issue("dns:localhost"), client_ca=CA, client="require"))
    assert shake(asking.front, client_context(client_tls(CA, own))).server.getpeercert()
    with pytest.raises(ssl.SSLError) as caught:
        shake(asking.front, client_context(client_tls(CA)))
    assert reason_of(caught.value) == "no_certificate"


def test_what_cannot_be_used_is_an_error() -> None:
    with pytest.raises(TlsError):
        client_context(client_tls(CA, CA.issue("dns:a")._replace(key="")))


def test_protocols_are_offered_where_they_are_named() -> None:
    assert shake(SERVER.front, client_context(client_tls(CA), ["http/1.1"])).client.selected_alpn_protocol()
    assert not shake(SERVER.front, client_context(client_tls(CA))).client.selected_alpn_protocol()
