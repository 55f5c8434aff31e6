"""Keys reach OpenSSL without a disk and without a terminal; what it refuses is a TlsError without the text."""

from __future__ import annotations

import os
import ssl

import pytest

from proxy.contracts.tls import TlsMaterial
from proxy.tls.pem import load_own, trust, usable
from proxy.tls.reason import TlsError
from tests.support.certificates import Authority, new_key, pem_of

CA = Authority()
OWN = CA.issue("dns:localhost")


def empty() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_chain_and_its_key_are_loaded_and_nothing_stays_open() -> None:
    before = descriptors()
    load_own(empty(), OWN.certificate, OWN.key)
    load_own(empty(), OWN.certificate.rstrip(), OWN.key)  # whoever leaves out the end of the last line
    assert descriptors() == before


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        (OWN.certificate, ""),
        ("", OWN.key),
        (OWN.certificate, pem_of(new_key())),
        (OWN.certificate, pem_of(new_key(), password="sesame")),  # nobody is asked for it at a terminal
        (OWN.certificate[:200], OWN.key),
    ],
)
def test_what_does_not_fit_is_refused_and_not_shown(certificate: str, key: str) -> None:
    before = descriptors()
    with pytest.raises(TlsError) as caught:
        load_own(empty(), certificate, key)
    lines = [line for line in (certificate + key).splitlines() if line and "-----" not in line]
    assert not any(line in str(caught.value) for line in lines)
    assert descriptors() == before


def test_authorities_are_certificates() -> None:
    context = empty()
    trust(context, CA.certificate + Authority("other").certificate)
    assert len(context.get_ca_certs()) == 2
    for wrong in ("", "no certificate", CA.certificate[:100]):
        with pytest.raises(TlsError):
            trust(empty(), wrong)


def test_what_openssl_takes_can_be_used() -> None:
    for material in (OWN.material(), OWN.material(CA), TlsMaterial(ca=CA.certificate), TlsMaterial()):
        usable(material)
    weak = Authority("weak", parent=CA, key=new_key(1024))
    for wrong in (OWN._replace(key="none").material(), weak.issue("dns:a").material(), TlsMaterial(ca="none")):
        with pytest.raises(TlsError):
            usable(wrong)
