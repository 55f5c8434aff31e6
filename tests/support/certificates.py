"""Authorities and certificates for tests: P-256 (RSA where asked for), with any names and times, in no time.

ca = Authority()
server = ca.issue("dns:localhost", "ip:127.0.0.1")
server.certificate, server.key                    # PEM texts
paths = written(tmp_path, server, ca)             # tls.crt, tls.key, ca.crt
server_tls(server, client_ca=ca, client="require")  # ServerTls with its material
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial

DAY = 86_400.0
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(rsa_bits: int = 0) -> PrivateKey:
    """A private key: P-256, or RSA of so many bits."""
    return rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())


def pem_of(key: PrivateKey, password: str = "") -> str:
    """A private key as PEM, encrypted if there is a password."""
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


class Issued(NamedTuple):
    """A certificate with its chain, and its key, as PEM texts."""

    certificate: str
    """Own certificate, then those of intermediate authorities."""
    key: str
    names: tuple[str, ...]
    not_after: float
    not_before: float

    def material(self, *authorities: Authority) -> TlsMaterial:
        """What a section holds that has these files."""
        ca = "".join(each.certificate for each in authorities)
        return TlsMaterial(self.certificate, self.key, ca, self.names, self.not_after, self.not_before)


class Authority:
    """An authority: a root, or below `parent`."""

    def __init__(
        self,
        name: str = "Test CA",
        *,
        parent: Authority | None = None,
        not_before: float | None = None,
        not_after: float | None = None,
        is_ca: bool = True,
        key: PrivateKey | None = None,
    ) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = key or new_key()
        self.parent = parent
        above = (parent.name, parent.key) if parent else (self.name, self.key)
        builder = _begun(self.name, above[0], self.key, _times(not_before, not_after, 3650))
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        builder = builder.add_extension(_usage(is_ca), critical=True)
        self.certificate = _signed(builder, above)
        """Its own certificate, as PEM."""

    def issue(
        self,
        *names: str,
        common_name: str = "",
        not_before: float | None = None,
        not_after: float | None = None,
        key: PrivateKey | None = None,
        digest: hashes.HashAlgorithm | None = None,
    ) -> Issued:
        """A certificate for `names` (`dns:…`, `ip:…`, `spiffe://…`, `uri:…`), for servers and clients alike. Times are
        seconds since 1970; without them it is valid from a minute ago, for 90 days."""
        key = key or new_key()
        times = _times(not_before, not_after, 90)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
        builder = _begun(subject, self.name, key, times)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_name, names)), critical=not common_name)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(_usage(False), critical=True)
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = _signed(builder.add_extension(both, critical=False), (self.name, self.key), digest)
        return Issued(certificate + self.intermediates, pem_of(key), names, float(int(times[1])), float(int(times[0])))

    @property
    def intermediates(self) -> str:
        """The chain that belongs after a certificate that it issues, without the root."""
        return self.certificate + self.parent.intermediates if self.parent else ""


def _times(not_before: float | None, not_after: float | None, days: int) -> tuple[float, float]:
    now = time.time()
    end = now + days * DAY if not_after is None else not_after
    return min(now - DAY, end - 1) if not_before is None else not_before, end


def _begun(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, times: tuple[float, float]
) -> x509.CertificateBuilder:
    start, end = (datetime.fromtimestamp(int(each), UTC) for each in times)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(max(end, start + timedelta(seconds=1)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not is_ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder,
    issuer: tuple[x509.Name, PrivateKey],
    digest: hashes.HashAlgorithm | None = None,
) -> str:
    public = issuer[1].public_key()
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    algorithm: Any = digest or hashes.SHA256()
    return builder.sign(issuer[1], algorithm).public_bytes(serialization.Encoding.PEM).decode()


def _name(text: str) -> x509.GeneralName:
    kind, _, rest = text.partition(":")
    match kind:
        case "dns":
            return x509.DNSName(rest)
        case "ip":
            return x509.IPAddress(ip_address(rest))
        case "uri":
            return x509.UniformResourceIdentifier(rest)
    return x509.UniformResourceIdentifier(text)


class Paths(NamedTuple):
    """Files as cert-manager names them."""

    certificate: str
    key: str
    ca: str


def written(folder: Path, issued: Issued, *authorities: Authority) -> Paths:
    """`tls.crt`, `tls.key` and `ca.crt` in `folder`, made or replaced one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = Paths(*(str(folder / name) for name in ("tls.crt", "tls.key", "ca.crt")))
    ca = "".join(each.certificate for each in authorities)
    for path, text in zip(paths, (issued.certificate, issued.key, ca), strict=True):
        Path(path).write_text(text, encoding="utf-8")
    return paths


def server_tls(issued: Issued, *, client_ca: Iterable[Authority] | Authority = (), **given: Any) -> ServerTls:
    """The section of a listener, with what its files hold; of the paths nobody reads."""
    authorities = (client_ca,) if isinstance(client_ca, Authority) else tuple(client_ca)
    paths = Paths("/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt" if authorities else "")
    return ServerTls(*paths, **given, material=issued.material(*authorities))


def client_tls(ca: Iterable[Authority] | Authority = (), issued: Issued | None = None, **given: Any) -> ClientTls:
    """The section towards a server, with what its files hold."""
    authorities = (ca,) if isinstance(ca, Authority) else tuple(ca)
    material = issued.material(*authorities) if issued else TlsMaterial(ca="".join(a.certificate for a in authorities))
    own = ("/tls/tls.crt", "/tls/tls.key") if issued else ("", "")
    return ClientTls("/tls/ca.crt" if authorities else "", *own, **given, material=material)
