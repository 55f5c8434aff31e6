"""Public keys and the signatures that they made."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.config.pem import NotPemError
from proxy.config.public_key import PublicKeys, name_of, public_key, signed_by

KEYS: list[ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = [
    ed25519.Ed25519PrivateKey.generate(),
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP384R1()),
]


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key", KEYS)
def test_a_signature_is_of_one_key_and_one_text(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    known = PublicKeys()
    for each in KEYS:
        known.add(pem(each))
    signature = signed_by(key, b"text")
    assert known.signer(signature, b"text") == name_of(key.public_key())
    assert known.signer(signature, b"texts") == known.signer(b"", b"text") == known.signer(b"x" * 64, b"text") == ""
    assert PublicKeys().signer(signature, b"text") == ""


def test_what_is_no_key_says_what_it_is(tmp_path: Path) -> None:
    for body, found in ((b"", "empty"), (b"-----BEGIN PUBLIC KEY-----\n", "half of a file"), (b"x", "no public key")):
        with pytest.raises(NotPemError, match=found):
            public_key(body)
    with pytest.raises(NotPemError, match="RSA"):
        public_key(pem(rsa.generate_private_key(65537, 2048)))
