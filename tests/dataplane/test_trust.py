"""Contexts by version: made once of each material, exchanged when it changes, shared where it is the same."""

from __future__ import annotations

import ssl

import pytest
from msgspec.structs import replace

from proxy.contracts.table import Table, Version
from proxy.contracts.tls import ClientTls
from proxy.dataplane.handshakes import Handshakes
from proxy.dataplane.tally import Tally
from proxy.dataplane.tls_failed import TlsFailed
from proxy.dataplane.trust import ALPN, IN_CLEAR, Trusts, host_of
from tests.support.certificates import Authority, client_tls

SECURE = Version("v1", "models.test", 443, "models.test", secure=True)
PLAIN = Version("v2", "models.test", 80, "models.test")
OWN, OTHER = client_tls(Authority()), client_tls(Authority())
BROKEN = ClientTls("/tls/ca.crt", material=replace(OWN.material, ca="no PEM"))


class Made:
    """Makes contexts, and remembers of what."""

    def __init__(self) -> None:
        self.of: list[ClientTls] = []
        self.tally = Tally()
        self.trusts = Trusts(Handshakes(self.tally), self.make)

    def make(self, tls: ClientTls, alpn: list[str]) -> ssl.SSLContext:
        assert alpn is ALPN[1]
        self.of.append(tls)
        if tls == BROKEN:
            raise ValueError("no PEM")
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def follow(self, **sections: ClientTls) -> bool:
        versions = {name: replace(SECURE, name=name) for name in ("v1", "v3")}
        return self.trusts.follow(Table(1, versions | {"v2": PLAIN}, (), tls=sections))


def test_a_context_is_made_once_of_each_material_and_shared() -> None:
    made = Made()
    assert not made.follow(v1=OWN, v3=OWN)
    first = made.trusts.of(SECURE)
    assert not made.follow(v1=OWN, v3=OWN) and made.trusts.of(SECURE) is first
    assert made.of == [OWN] and first.context is made.trusts.of(replace(SECURE, name="v3")).context
    assert made.trusts.of(PLAIN) is IN_CLEAR and IN_CLEAR.context is None


def test_another_material_is_in_force_at_once_and_that_of_before_is_gone() -> None:
    made = Made()
    made.follow(v1=OWN, v3=OWN)
    before, other = made.trusts.of(SECURE), made.trusts.of(replace(SECURE, name="v3"))
    assert made.follow(v1=OTHER, v3=OWN)
    after = made.trusts.of(SECURE)
    assert before.gone and not after.gone and after.context is not before.context and not other.gone
    assert made.follow(v1=replace(OTHER, server_name="other.test"), v3=OWN), "another name is another check"
    assert after.gone


def test_a_section_that_goes_leaves_the_authorities_of_the_system() -> None:
    made = Made()
    made.follow(v1=OWN)
    assert made.follow() and made.of[-1] == ClientTls()


def test_a_material_without_use_leaves_what_is_in_force_and_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    made = Made()
    made.follow(v1=OWN, v3=OWN)
    before = made.trusts.of(SECURE)
    for _ in range(3):
        assert not made.follow(v1=BROKEN, v3=OWN)
    assert made.trusts.of(SECURE) is before and not before.gone
    assert made.of.count(BROKEN) == 1 and caplog.text.count("version v1: TLS cannot be set up") == 1
    assert made.follow(v1=OTHER, v3=OWN) and before.gone


def test_a_version_without_any_context_is_no_version_in_clear() -> None:
    made = Made()
    made.follow(v1=BROKEN, v3=OWN)
    with pytest.raises(TlsFailed) as failed:
        made.trusts.of(SECURE)
    assert failed.value.why == "own" and made.tally.take(0, "", 0, True, {}).handshakes == [("upstream", "own", 1)]


@pytest.mark.parametrize(
    ("version", "host"),
    [
        (SECURE, "models.test"),
        (Version("v", "models.svc.", 443, "models.svc."), "models.svc"),
        (Version("v", "_https._tcp.models.svc", 0, "models.svc", lookup="srv"), "models.svc"),
        (Version("v", "::1", 8443, "[::1]:8443"), "::1"),
    ],
)
def test_the_name_that_a_certificate_is_for(version: Version, host: str) -> None:
    assert host_of(version) == host
