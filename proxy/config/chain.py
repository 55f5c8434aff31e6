"""What is wrong with certificates and keys, as such: sentences about a chain of one's own, and about authorities.

Mistakes are what makes a handshake fail with anybody; what only some peers mind is a warning. Contexts of this program
have OpenSSL's security level 2, which refuses weak keys and SHA-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from proxy.contracts.tls import SPIFFE, is_soon

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
    from cryptography.x509 import Certificate, Name

SKEW_SECONDS = 60.0
"""Seconds by which the clock of whoever issued a certificate may be ahead."""

MAX_CHAIN = 16
"""Certificates that are shown in each handshake."""

MIN_RSA_BITS, MIN_EC_BITS = 2048, 224
STRONG = f"RSA of at least {MIN_RSA_BITS} bits, or an elliptic curve of at least 256"

Use = Literal["server", "client"]


class CertificateMistake(NamedTuple):
    """Something that is wrong: `about` is `certificate` or `key`, `found` and `allowed` are as of a Problem."""

    about: str
    found: str
    allowed: str


def moment(seconds: float) -> str:
    """A moment as people read it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def times(certificate: Certificate) -> tuple[float, float]:
    """When a certificate begins and ends, in Unix seconds."""
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def names(certificate: Certificate) -> tuple[str, ...]:
    """The subject alternative names, as `tls.peer` writes them."""
    from cryptography import x509

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    uris = alternative.get_values_for_type(x509.UniformResourceIdentifier)
    return (
        *(f"dns:{name.lower()}" for name in alternative.get_values_for_type(x509.DNSName)),
        *(f"ip:{address}" for address in alternative.get_values_for_type(x509.IPAddress)),
        *(uri if uri.startswith(SPIFFE) else f"uri:{uri}" for uri in uris),
    )


def about(certificate: Certificate) -> str:
    """Which certificate it is, in few characters."""
    return (certificate.subject.rfc4514_string() or next(iter(names(certificate)), "without a name"))[:80]


# -- one's own


def own_mistakes(
    chain: Sequence[Certificate], key: PrivateKeyTypes, use: Use, now: float
) -> Iterator[CertificateMistake]:
    """What makes handshakes fail with any peer."""
    own = chain[0]
    if not fits(own, key):
        later = [f"the {place + 1}. certificate" for place, each in enumerate(chain) if fits(each, key)]
        allowed = f"its own certificate first, which is {later[0]} here" if later else "the key of the certificate"
        yield CertificateMistake("key", "a key that does not fit the certificate", allowed)
    for place, each in enumerate(chain):
        if weak := weakness(each.public_key()):
            whose = f"{about(each)} has " if place else ""
            yield CertificateMistake("certificate", f"{whose}a key of {weak}", STRONG)
    yield from _untimely(own, now)
    for each in chain:
        if is_sha1(each) and each.issuer != each.subject:
            yield CertificateMistake(
                "certificate", f"{about(each)} is signed with {_digest(each)}", "SHA-256 or better"
            )
    if use == "server" and not names(own):
        allowed = "at least one name or address, since clients go by nothing else"
        yield CertificateMistake("certificate", "no SAN (subject alternative name) in it", allowed)
    if len(chain) > MAX_CHAIN:
        yield CertificateMistake(
            "certificate", f"{len(chain)} certificates", f"at most {MAX_CHAIN}: its own and intermediate ones"
        )


def _untimely(certificate: Certificate, now: float) -> Iterator[CertificateMistake]:
    begin, end = times(certificate)
    if end <= now:
        yield CertificateMistake("certificate", f"expired on {moment(end)}", "a certificate that is valid now")
    if begin > now + SKEW_SECONDS:
        yield CertificateMistake("certificate", f"not valid before {moment(begin)}", "a certificate that is valid now")


def own_warnings(chain: Sequence[Certificate], use: Use, now: float, known: Iterable[Name]) -> Iterator[str]:
    """What some peers mind, or will. `known`: names of authorities that are known here."""
    begin, end = times(chain[0])
    if is_soon(begin, end, now):
        yield f"expires soon, on {moment(end)}"
    for place, (each, above) in enumerate(pairwise(chain), 1):
        if not issued(each, above):
            rest = chain[place + 1 :]
            found = any(issued(each, other) for other in (*chain[:place], *rest))
            order = "certificates in wrong order" if found else "the chain is incomplete"
            yield f"{order}: the {place + 1}. has not issued the {place}., {about(each)}"
            return
    last = chain[-1]
    if last.issuer != last.subject and last.issuer not in set(known):
        yield (
            f"the chain may be incomplete: {last.issuer.rfc4514_string()[:80]} has issued the last one, and is neither "
            "in the file nor among the authorities that are known here; if that is an intermediate authority, its "
            "certificate belongs at the end of the file"
        )
    if not allows_use(chain[0], use):
        yield f"its extended key usage does not allow that a {use} shows it"


def fits(certificate: Certificate, key: PrivateKeyTypes) -> bool:
    """Whether a private key is that of a certificate."""
    return bool(certificate.public_key() == key.public_key())


def issued(certificate: Certificate, authority: Certificate) -> bool:
    """Whether a certificate was issued by the holder of another one, by name and signature."""
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # a name, a signature or a kind of key that does not fit
        return False
    return True


def weakness(key: PublicKeyTypes) -> str:
    """What is weak about a public key; "": nothing."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA with {key.key_size} bits" if key.key_size < MIN_RSA_BITS else ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"the curve {key.curve.name}" if key.curve.key_size < MIN_EC_BITS else ""
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ""
    return "DSA" if isinstance(key, dsa.DSAPublicKey) else "a kind that TLS does not know"


def is_sha1(certificate: Certificate) -> bool:
    """Whether a certificate is signed by way of a digest that can be forged."""
    return _digest(certificate) in ("sha1", "md5")


def _digest(certificate: Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # an algorithm that the library does not know
        return ""
    return algorithm.name if algorithm else ""


def allows_use(certificate: Certificate, use: Use) -> bool:
    """Whether a certificate is for servers, or for clients; one that does not say is for both."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    wanted = ExtendedKeyUsageOID.SERVER_AUTH if use == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return wanted in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


# -- authorities


def authority_mistakes(found: Sequence[Certificate], now: float) -> Iterator[tuple[str, str]]:
    """What makes authorities of no use at all, as what was found and what is allowed."""
    able = [each for each in found if is_authority(each)]
    if not able:
        yield "certificates, none of which is that of an authority (CA)", "certificates of authorities"
    elif all(times(each)[1] <= now for each in able):
        yield (
            f"no authority (CA) that has not expired: {about(able[0])} on {moment(times(able[0])[1])}",
            "one that is valid",
        )


def authority_warnings(found: Sequence[Certificate], now: float) -> Iterator[str]:
    """Authorities that are of no use, or soon."""
    for each in found:
        begin, end = times(each)
        if end <= now:
            yield f"the authority {about(each)} expired on {moment(end)}"
        elif is_soon(begin, end, now):
            yield f"the authority {about(each)} expires soon, on {moment(end)}"
        elif not is_authority(each):
            yield f"{about(each)} is no authority (CA)"


def is_authority(certificate: Certificate) -> bool:
    """Whether a certificate may issue others, or stands for itself alone."""
    from cryptography import x509

    if certificate.issuer == certificate.subject:
        return True
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
