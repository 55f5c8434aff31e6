"""Public keys in PEM, and which of several made a signature: Ed25519, or ECDSA with SHA-256."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from proxy.config.pem import NotPemError, instead

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    Public = EllipticCurvePublicKey | Ed25519PublicKey
    Private = EllipticCurvePrivateKey | Ed25519PrivateKey

ALLOWED = "a public key in PEM, of Ed25519 or of an elliptic curve"


class PublicKeys:
    """Keys by their names, which are the SHA-256 of their DER, in hex."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, Public] = {}

    def add(self, body: bytes) -> None:
        """One more key, in PEM. Raises NotPemError."""
        key = public_key(body)
        self._keys[name_of(key)] = key

    def signer(self, signature: bytes, signed: bytes) -> str:
        """The name of the key that made a signature; "" for none of these."""
        return next((name for name, key in self._keys.items() if is_by(key, signature, signed)), "")


def public_key(body: bytes) -> Public:
    """The public key in a text. Raises NotPemError."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(body)
    except Exception as error:
        raise NotPemError(instead(body.decode("latin-1"), "no public key"), ALLOWED) from error
    if not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey):
        raise NotPemError(f"a key of {type(key).__name__}", ALLOWED)
    return key


def name_of(key: Public) -> str:
    """SHA-256 of a key's DER (SubjectPublicKeyInfo), in hex."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def is_by(key: Public, signature: bytes, signed: bytes) -> bool:
    """Whether the key made the signature of `signed`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(SHA256()))
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def signed_by(key: Private, body: bytes) -> bytes:
    """The signature of `body` by a private key."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(body, ECDSA(SHA256()))
    return key.sign(body)
