"""The traps of contexts that are exchanged while their listener listens: each test fails without its cure."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.tls.client import client_context
from proxy.tls.reason import TlsError
from proxy.tls.server import ServerContexts
from tests.support.certificates import Authority, Issued, new_key, pem_of, server_tls
from tests.support.certificates import client_tls as towards
from tests.support.handshakes import Shaken, shake

CA = Authority()
OWN, NEXT = CA.issue("dns:localhost"), CA.issue("dns:localhost")
OLD, NEW = Authority("old clients"), Authority("new clients")
CLIENT = OLD.issue("spiffe://prod/client")


def der(issued: Issued) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.certificate)


def client(issued: Issued | None = None, **given: Any) -> ssl.SSLContext:
    return client_context(towards(CA, issued, **given))


def test_new_connections_meet_the_new_certificate_and_old_ones_go_on() -> None:
    contexts = ServerContexts(server_tls(OWN))
    before = shake(contexts.front, client())
    contexts.put(server_tls(NEXT))
    after = shake(contexts.front, client())
    assert (before.shown, after.shown) == (der(OWN), der(NEXT))
    before.server.write(b"still here")
    assert before.client.read(10) == b"still here"


def test_what_cannot_be_used_leaves_the_old_one_in_force_and_whole() -> None:
    """A key that does not fit, loaded into a context in use, would leave it without any: NO_SHARED_CIPHER for all."""
    contexts = ServerContexts(server_tls(OWN))
    broken = replace(server_tls(NEXT).material, key=pem_of(new_key()))
    with pytest.raises(TlsError):
        contexts.put(replace(server_tls(NEXT), material=broken))
    assert shake(contexts.front, client()).shown == der(OWN)
    assert contexts.tls == server_tls(OWN)


def asking(authority: Authority, client: str = "require") -> ServerContexts:
    return ServerContexts(server_tls(OWN, client_ca=authority, client=client))


def test_an_authority_that_was_taken_out_is_out_at_once() -> None:
    """Authorities that are loaded again are added: the old one would stay trusted for ever."""
    contexts = asking(OLD)
    shake(contexts.front, client(CLIENT))
    contexts.put(server_tls(OWN, client_ca=NEW, client="require"))
    with pytest.raises(ssl.SSLError):
        shake(contexts.front, client(CLIENT))
    shake(contexts.front, client(NEW.issue("dns:c")))


def limited(version: ssl.TLSVersion, issued: Issued | None = None) -> ssl.SSLContext:
    context = client(issued)
    context.maximum_version = version
    return context


@pytest.mark.parametrize("tickets", [True, False])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_nobody_comes_back_with_a_session_of_an_authority_that_is_gone(version: ssl.TLSVersion, tickets: bool) -> None:
    """Sessions belong to the context that a connection began with: were that the listener's own, a client of the old
    authority would be resumed, certificate and all, without being checked."""
    contexts = asking(OLD)
    context = limited(version, CLIENT)
    context.options |= 0 if tickets else ssl.OP_NO_TICKET
    first = shake(contexts.front, context)
    again = shake(contexts.front, context, session=first.client.session)
    assert _resumed(again) == (version == ssl.TLSVersion.TLSv1_2), "by number alone, while it is trusted"
    contexts.put(server_tls(OWN, client_ca=NEW, client="require"))
    with pytest.raises(ssl.SSLError):
        shake(contexts.front, context, session=first.client.session)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_where_certificates_are_asked_for_there_are_no_tickets(version: ssl.TLSVersion) -> None:
    """With one a client would be let in for ever, each resumption bringing the next, its certificate long expired."""
    first = shake(asking(OLD).front, limited(version, CLIENT)).client.session
    assert first is None or not first.has_ticket
    assert shake(ServerContexts(server_tls(OWN)).front, limited(version)).client.session.has_ticket


def _resumed(shaken: Shaken) -> bool:
    return bool(shaken.server.session_reused) and bool(shaken.server.getpeercert())


@pytest.mark.parametrize(("asks", "without"), [("off", True), ("optional", True), ("require", False)])
def test_a_certificate_is_asked_for_as_configured(asks: str, without: bool) -> None:
    contexts = ServerContexts(server_tls(OWN, client_ca=OLD if asks != "off" else (), client=asks))
    assert bool(shake(contexts.front, client(CLIENT)).server.getpeercert()) == (asks != "off")
    if without:
        assert shake(contexts.front, client()).server.getpeercert() in (None, {})
        return
    with pytest.raises(ssl.SSLError, match="CERTIFICATE"):
        shake(contexts.front, client())


def test_an_untrusted_certificate_is_refused_where_none_is_needed() -> None:
    with pytest.raises(ssl.SSLError):
        shake(asking(NEW, "optional").front, client(CLIENT))


def test_an_exchange_is_whole_certificates_of_clients_and_protocols_too() -> None:
    """A context that a callback puts in the place of another one would not bring along whether it asks."""
    contexts = ServerContexts(server_tls(OWN))
    contexts.put(server_tls(OWN, client_ca=OLD, client="require", alpn=("http/1.0",)))
    with pytest.raises(ssl.SSLError):
        shake(contexts.front, client())
    offers = client_context(towards(CA, CLIENT), ["http/1.0"])
    assert shake(contexts.front, offers).client.selected_alpn_protocol() == "http/1.0"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("least", "spoken"), [("1.2", ["TLSv1.2", "TLSv1.3"]), ("1.3", ["TLSv1.3"])])
def test_old_versions_are_not_spoken(least: str, spoken: list[str]) -> None:
    contexts, found = ServerContexts(server_tls(OWN, min_version=least)), []
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        try:
            found.append(shake(contexts.front, old(version)).client.version())
        except ssl.SSLError:
            continue
    assert found == spoken


def old(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks one version, however old, and would take any cipher."""
    context = client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize(
    "ciphers", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "DHE", "NULL", "aNULL"]
)
def test_only_good_ciphers_are_spoken(ciphers: str) -> None:
    """No secret that outlives a connection (RSA), no CBC, nothing without encryption or certificate."""
    context = limited(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    for own in (OWN, CA.issue("dns:localhost", key=new_key(2048))):
        with pytest.raises(ssl.SSLError, match=r"HANDSHAKE_FAILURE|NO_SHARED_CIPHER"):
            shake(ServerContexts(server_tls(own)).front, context)


def test_good_ciphers_are() -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        name, _, bits = shake(ServerContexts(server_tls(OWN)).front, limited(version)).client.cipher()
        assert ("GCM" in name or "CHACHA20" in name) and bits >= 128


@pytest.mark.parametrize("name", [None, "other.example", "localhost"])
def test_any_name_may_be_asked_for(name: str | None) -> None:
    """A listener has one certificate: whoever asks for another name, or for none, sees himself whether it will do."""
    context = client(san="dns:localhost")  # no check of the name by OpenSSL
    contexts = ServerContexts(server_tls(OWN))
    contexts.put(server_tls(NEXT))
    assert shake(contexts.front, context, name).shown == der(NEXT)


def test_protocols_are_offered_and_nobody_has_to_take_one() -> None:
    contexts = ServerContexts(server_tls(OWN))
    assert shake(contexts.front, client()).client.selected_alpn_protocol() is None
    for offer in (["h2", "http/1.1"], ["http/1.1"]):
        offers = client_context(towards(CA), offer)
        assert shake(contexts.front, offers).client.selected_alpn_protocol() == "http/1.1"


def test_nobody_renegotiates() -> None:
    options = ServerContexts(server_tls(OWN)).front.current.options
    assert options & ssl.OP_NO_RENEGOTIATION and options & ssl.OP_NO_COMPRESSION
