"""What is wrong with certificates and keys, as such."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.config import chain
from proxy.config.pem import certificates, private_key
from proxy.contracts.tls import is_soon
from proxy.tls.peer import names as names_of_peer
from tests.support.certificates import DAY, Authority, Issued, new_key

ROOT = Authority("root")
MIDDLE = Authority("middle", parent=ROOT)
WEAK = Authority("weak", parent=ROOT, key=new_key(1024))
NOW = time.time()
GOOD = MIDDLE.issue("dns:localhost")
SOON = ROOT.issue("dns:a", not_before=NOW - 89 * DAY, not_after=NOW + DAY)
BY_SHA1 = """\
-----BEGIN CERTIFICATE-----
MIIBbDCCAROgAwIBAgIUW0hwFcY7sI8QHrd4xxb/LUUOyOowCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwIBcNMjYxMTI4MjI0ODI3WhgPMjEyNjExMDQyMjQ4Mjda
MAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQF6t/1fW/c
fhwoBDSC84tsTjcecKfco3axEcyd0w+Uo5qFPkN9aEdRHUJ3xuT5+5yP3HeTxF/9
135xZyp//XwAo1AwTjAMBgNVHREEBTADggFhMB0GA1UdDgQWBBR+S1gUf2oC/JvA
8aWuklLM9IS6ijAfBgNVHSMEGDAWgBTaIrmowR0kUY9jwFhPyxMd7PjLPDAJBgcq
hkjOPQQBA0gAMEUCIQCfPEDcBmUrqdk3go/cBLVV/0F3KxnaAjqthCCYor3CKQIg
DqNuIHw2zCqIt8Crq7hEjCSFU566TIHl95AecSt1epY=
-----END CERTIFICATE-----
"""
"""Of a hundred years; no library of today signs one."""


def read(*texts: str) -> list[x509.Certificate]:
    return [each for _, each in certificates("".join(texts))]


def mistakes(issued: Issued, use: chain.Use = "server", key: Any = None) -> list[str]:
    own = private_key(issued.key)[1] if key is None else key
    return [f"{each.about}: {each.found}" for each in chain.own_mistakes(read(issued.certificate), own, use, NOW)]


def warnings(*texts: str, use: chain.Use = "server", known: tuple[Authority, ...] = (ROOT,)) -> list[str]:
    subjects = [read(each.certificate)[0].subject for each in known]
    return list(chain.own_warnings(read(*texts), use, NOW, subjects))


def test_a_good_one_has_no_faults() -> None:
    assert mistakes(GOOD) == [] and warnings(GOOD.certificate) == []


@pytest.mark.parametrize(
    ("issued", "found"),
    [
        (ROOT.issue("dns:a", not_after=NOW - DAY), "certificate: expired on 20"),
        (ROOT.issue("dns:a", not_before=NOW + DAY), "certificate: not valid before 20"),
        (ROOT.issue("dns:a", key=new_key(1024)), "certificate: a key of RSA with 1024 bits"),
        (WEAK.issue("dns:a"), "certificate: CN=weak has a key of RSA with 1024 bits"),
        (ROOT.issue(common_name="a"), "certificate: no SAN (subject alternative name) in it"),
    ],
)
def test_mistakes(issued: Issued, found: str) -> None:
    (told,) = mistakes(issued)
    assert told.startswith(found)


def test_what_is_signed_with_a_digest_that_can_be_forged() -> None:
    key = private_key(GOOD.key)[1]
    found = [each.found for each in chain.own_mistakes(read(BY_SHA1), key, "server", NOW)]
    assert found == ["a key that does not fit the certificate", "CN=a is signed with sha1"]


def test_a_clock_may_be_a_minute_late() -> None:
    assert mistakes(ROOT.issue("dns:a", not_before=NOW + 30)) == []


def test_a_client_needs_no_name() -> None:
    assert mistakes(ROOT.issue(common_name="a"), use="client") == []


def test_a_key_has_to_fit_the_first_certificate() -> None:
    other = ROOT.issue("dns:other")
    assert mistakes(GOOD, key=private_key(other.key)[1]) == ["key: a key that does not fit the certificate"]
    turned = GOOD._replace(certificate=MIDDLE.certificate + GOOD.certificate.split("-----END", 1)[0] + END)
    (finding, *_) = chain.own_mistakes(read(turned.certificate), private_key(GOOD.key)[1], "server", NOW)
    assert "the 2. certificate here" in finding.allowed


END = "-----END CERTIFICATE-----\n"


def test_a_chain_is_bounded() -> None:
    assert any(
        "17 certificates" in each
        for each in mistakes(GOOD._replace(certificate=GOOD.certificate + ROOT.certificate * 15))
    )


@pytest.mark.parametrize(
    ("life", "left", "soon"),
    [
        (90 * DAY, 8 * DAY, False),
        (90 * DAY, 6.9 * DAY, True),
        (90 * DAY, -1.0, False),
        (3600.0, 1800.0, False),  # a SPIFFE workload's, renewed after half of it
        (3600.0, 600.0, True),
    ],
)
def test_soon_is_by_its_life(life: float, left: float, soon: bool) -> None:
    assert is_soon(left - life, left, 0.0) is soon


def test_warnings_of_a_chain() -> None:
    leaf = GOOD.certificate.partition(END)[0] + END
    assert any("the chain may be incomplete: CN=middle" in each for each in warnings(leaf))
    assert any("the chain may be incomplete: CN=root" in each for each in warnings(GOOD.certificate, known=()))
    low = Authority("low", parent=MIDDLE)
    whole = low.issue("dns:a").certificate
    first, second, third, _ = (f"{part}{END}" for part in whole.split(END))
    assert warnings(whole) == []
    assert any("wrong order: the 2. has not issued the 1." in each for each in warnings(first, third, second))
    assert any("the chain is incomplete: the 2." in each for each in warnings(first, third))
    assert any("expires soon, on" in each for each in warnings(SOON.certificate))


def test_a_certificate_says_what_it_is_for() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    (own,) = read(ROOT.issue("dns:a").certificate)
    builder = x509.CertificateBuilder(own.issuer, own.subject, own.public_key(), 5)
    builder = (
        builder.not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .add_extension(usage, critical=False)
    )
    alone = builder.sign(ROOT.key, hashes.SHA256())
    assert chain.allows_use(alone, "server") and not chain.allows_use(alone, "client")
    assert any(
        "does not allow that a client" in each for each in chain.own_warnings([alone], "client", NOW, [own.issuer])
    )
    assert chain.allows_use(read(ROOT.certificate)[0], "client"), "one that does not say is for both"


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        (new_key(), ""),
        (new_key(2048), ""),
        (new_key(1024), "RSA with 1024 bits"),
        (ed25519.Ed25519PrivateKey.generate(), ""),
        (ec.generate_private_key(ec.SECP192R1()), "the curve secp192r1"),
        (dsa.generate_private_key(1024), "DSA"),
    ],
)
def test_weak_keys(key: Any, weak: str) -> None:
    assert chain.weakness(key.public_key()) == weak


def test_names_are_written_as_those_of_a_peer() -> None:
    issued = ROOT.issue("dns:A.b", "ip:10.0.0.1", "spiffe://prod/a", "uri:https://h/x")
    assert chain.names(read(issued.certificate)[0]) == ("dns:a.b", "ip:10.0.0.1", "spiffe://prod/a", "uri:https://h/x")
    shown = {"subjectAltName": (("DNS", "A.b"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://prod/a"))}
    assert names_of_peer(shown) == chain.names(read(issued.certificate)[0])[:3]


def test_authorities() -> None:
    gone = Authority("gone", not_after=NOW - DAY)
    soon = Authority("soon", not_before=NOW - 89 * DAY, not_after=NOW + DAY)
    leaf = read(ROOT.issue("dns:leaf").certificate)
    good = read(ROOT.certificate, MIDDLE.certificate)
    assert list(chain.authority_mistakes(good, NOW)) == [] and list(chain.authority_warnings(good, NOW)) == []
    assert "none of which is that of an authority (CA)" in next(chain.authority_mistakes(leaf, NOW))[0]
    assert "has not expired: CN=gone" in next(chain.authority_mistakes(read(gone.certificate), NOW))[0]
    told = list(chain.authority_warnings([*good, *read(gone.certificate, soon.certificate), *leaf], NOW))
    assert [each.split(" on ")[0] for each in told] == [
        "the authority CN=gone expired",
        "the authority CN=soon expires soon,",
        "dns:leaf is no authority (CA)",
    ]
