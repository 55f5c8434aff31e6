"""PEM texts: blocks, certificates, keys; and of anything else one clean error that shows nothing of it."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.pem import NotPemError, blocks, certificates, private_key
from tests.support.certificates import Authority, new_key, pem_of

CA = Authority()
OWN = CA.issue("dns:localhost")
KEY = new_key()
TRADITIONAL = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
PROC_TYPE = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n"
LEGACY = f"-----BEGIN RSA PRIVATE KEY-----\n{PROC_TYPE}-----END RSA PRIVATE KEY-----\n"


def test_blocks_are_taken_out_of_what_is_around_them() -> None:
    text = f"Bag Attributes\r\n  CN = Autoridad de Certificación\n{OWN.certificate}\n# and\n{CA.certificate}{OWN.key}"
    assert [block.label for block in blocks(text)] == ["CERTIFICATE", "CERTIFICATE", "PRIVATE KEY"]
    assert [text for text, _ in certificates(text)] == [OWN.certificate, CA.certificate]
    assert private_key(text)[0] == OWN.key
    assert certificates(OWN.certificate.replace("\n", "\r\n"))[0][0] == OWN.certificate


def test_what_openssl_writes_is_a_key() -> None:
    for text in (pem_of(KEY), TRADITIONAL, PARAMETERS + TRADITIONAL):
        _, key = private_key(text)
        assert key.public_key() == KEY.public_key()
    assert isinstance(private_key(pem_of(new_key()))[1], ec.EllipticCurvePrivateKey)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("hello", "no certificate"),
        (OWN.key, "no certificate, but PRIVATE KEY"),
        ("0\x82\x01\x0a\x00", "binary"),
        (OWN.certificate[:-30], "half of a file"),
        (OWN.certificate + OWN.certificate[:100], "half of a file"),
        (f"{OWN.certificate[:-30]}\n{OWN.certificate}", "half of a file"),
        (OWN.certificate + CA.certificate.replace("MII", "MIJ"), "a damaged certificate, the second"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "a damaged certificate, the first"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "but CERTIFICATE REQUEST"),
    ],
)
def test_no_certificates(text: str, found: str) -> None:
    with pytest.raises(NotPemError) as caught:
        certificates(text)
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        (OWN.certificate, "no private key, but CERTIFICATE"),
        (OWN.key + OWN.key, "2 private keys"),
        (pem_of(KEY, "sesame"), "encrypted"),
        (LEGACY, "encrypted"),
        (OWN.key.replace("MI", "MJ"), "damaged"),
        (OWN.key[:-20], "half of a file"),
    ],
)
def test_no_key(text: str, found: str) -> None:
    with pytest.raises(NotPemError) as caught:
        private_key(text)
    assert found in caught.value.found


CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=6)
WHOLE = (OWN.certificate + CA.certificate + OWN.key).encode()


@given(CHANGES, st.integers(0, 2000), st.integers(0, 2000))
def test_damaged_bytes_are_one_clean_error_that_shows_nothing(
    changes: list[tuple[int, bytes]], start: int, end: int
) -> None:
    body = bytearray(WHOLE)
    for at, piece in changes:
        body[at : at + len(piece)] = piece
    text = bytes(body[start if start < end else 0 : end or None]).decode("latin-1")
    for read in (certificates, private_key):
        try:
            assert read(text)
        except NotPemError as error:
            assert len(str(error)) < 300 and error.found and error.allowed
            assert not any(line in str(error) for line in OWN.key.splitlines()[1:-1])


@given(st.binary(max_size=400), st.sampled_from(["CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]))
def test_any_bytes_in_a_block_are_one_clean_error(body: bytes, label: str) -> None:
    text = f"-----BEGIN {label}-----\n{base64.encodebytes(body).decode()}-----END {label}-----\n"
    for read in (certificates, private_key):
        try:
            read(text)
        except NotPemError as error:
            assert error.found


@given(st.text(max_size=200))
def test_any_text_is_one_clean_error(text: str) -> None:
    for read in (certificates, private_key):
        with pytest.raises(NotPemError):
            read(text)


def test_many_beginnings_take_no_longer_than_their_bytes() -> None:
    """A search for the end of each would take minutes for this one."""
    with pytest.raises(NotPemError, match="half of a file"):
        blocks("-----BEGIN CERTIFICATE-----\n" * 40_000)
