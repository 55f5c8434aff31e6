"""Which field tells versions who a client is."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from proxy.contracts.tls import ServerTls
from proxy.dataplane.secured.identity import identity_line
from tests.support.tls_peer import server


class Session:
    """As much of an `ssl.SSLObject` as is asked."""

    def __init__(self, *names: tuple[str, str]) -> None:
        self._certificate = {"subjectAltName": names} if names else {}

    def getpeercert(self, binary_form: bool = False) -> Any:
        return b"its bytes" if binary_form else self._certificate


def section(header: str) -> ServerTls:
    return server("optional", identity_header=header)


def test_a_bare_name_is_the_uri_or_the_first_one() -> None:
    both = Session(("DNS", "client.test"), ("URI", "spiffe://test/one"))
    assert identity_line(section("x-who"), both) == b"x-who: spiffe://test/one"
    assert identity_line(section("x-who"), Session(("DNS", "client.test"))) == b"x-who: client.test"


def test_under_envoys_name_it_is_in_envoys_form() -> None:
    session = Session(("DNS", "client.test"), ("URI", 'spiffe://test/a,b"'))
    digest = sha256(b"its bytes").hexdigest()
    line = f'By=spiffe://test/server;Hash={digest};URI="spiffe://test/a,b\\"";DNS=client.test'
    assert identity_line(section("x-forwarded-client-cert"), session) == b"x-forwarded-client-cert: " + line.encode()


def test_there_is_none_without_a_certificate_a_name_or_a_header() -> None:
    named = Session(("URI", "spiffe://test/one"))
    assert identity_line(section("x-who"), Session()) == b""
    assert identity_line(section(""), named) == b""
    assert identity_line(section("x-who"), Session(("URI", "spiffe://test/a\r\nx-admin: yes"))) == b""


def test_a_spiffe_id_of_nobody_is_no_bare_name() -> None:
    two = ("URI", "spiffe://test/one"), ("URI", "spiffe://test/two")
    assert identity_line(section("x-who"), Session(*two)) == b""
    assert identity_line(section("x-who"), Session(*two, ("DNS", "client.test"))) == b"x-who: client.test"
    assert identity_line(section("x-who"), Session(("URI", "spiffe://test/a/../b"))) == b""
