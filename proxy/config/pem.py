"""PEM texts (RFC 7468) → blocks, certificates and keys, or what they are in place of that.

Text between blocks is a comment; so is what a file holds beside what was asked for, such as the key in a file of
certificates. What a text holds is never part of a message.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
KEY_LABEL = "PRIVATE KEY"
MAX_LABEL = 40
"""Characters of a label that are shown: it is the file's own."""

_BEGIN, _END, _DASHES = "-----BEGIN ", "-----END ", "-----"


class NotPemError(ValueError):
    """A text is not what was asked for: `found` is what it is, `allowed` what would have been right."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"{found}; allowed: {allowed}")
        self.found, self.allowed = found, allowed


class PemBlock(NamedTuple):
    """One block: its label, and its whole text."""

    label: str
    text: str


def blocks(text: str) -> tuple[PemBlock, ...]:
    """The blocks of a text, in order. Raises NotPemError for one that has no end."""
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[PemBlock]:
    label, lines = "", list[str]()
    for line in map(str.strip, text.splitlines()):
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            _refuse_open(label)
            label, lines = line[len(_BEGIN) : -len(_DASHES)], []
        if label:
            lines.append(line)
        if label and line == f"{_END}{label}{_DASHES}":
            yield PemBlock(label, "\n".join(lines) + "\n")
            label = ""
    _refuse_open(label)


def _refuse_open(label: str) -> None:
    if label:
        raise NotPemError(f"a block {label[:MAX_LABEL]} without an end: half of a file", "a whole file in PEM")


def certificates(text: str) -> tuple[tuple[str, Certificate], ...]:
    """The certificates in a text, each with its block. Raises NotPemError where there are none, or one is damaged."""
    found: list[tuple[str, Certificate]] = []
    for block in blocks(text):
        if block.label not in CERTIFICATE_LABELS:
            continue
        try:
            certificate = _certificate(block.text.encode("latin-1", "replace"))
        except Exception as error:
            raise NotPemError(f"a damaged certificate, the {_nth(len(found))} in it", "certificates in PEM") from error
        found.append((block.text, certificate))
    if not found:
        raise NotPemError(instead(text, "no certificate"), "at least one certificate in PEM")
    return tuple(found)


def _certificate(body: bytes) -> Certificate:
    from cryptography import x509

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later release of the library will refuse, such as a serial number 0
        certificate = x509.load_pem_x509_certificate(body)
        # All are read when they are asked for, and may be damaged.
        certificate.public_key()
        hash((certificate.subject, certificate.issuer))
        certificate.extensions.__len__()
    return certificate


def private_key(text: str) -> tuple[str, PrivateKeyTypes]:
    """The private key in a text, with its block. Raises NotPemError."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys = [block for block in blocks(text) if block.label.endswith(KEY_LABEL)]
    if not keys:
        raise NotPemError(instead(text, "no private key"), "a private key in PEM")
    if len(keys) > 1:
        raise NotPemError(f"{len(keys)} private keys", "one private key")
    if keys[0].label.startswith("ENCRYPTED") or "ENCRYPTED" in keys[0].text.partition("\n\n")[0]:
        raise NotPemError("an encrypted private key", "one without a password, such as `openssl pkey` writes")
    try:
        return keys[0].text, load_pem_private_key(keys[0].text.encode("latin-1", "replace"), None)
    except Exception as error:
        raise NotPemError("a damaged private key, or one of an unknown kind", "a private key in PEM") from error


def instead(text: str, missing: str) -> str:
    """What a text is that has not what was asked for."""
    if found := sorted({block.label[:MAX_LABEL] for block in blocks(text)}):
        return f"{missing}, but {', '.join(found[:4])}"
    if not text.strip():
        return "an empty file"
    return f"{missing}: binary, such as DER or PKCS#12" if text[:1] == "0" and not text.isprintable() else f"{missing}"


def _nth(index: int) -> str:
    return {0: "first", 1: "second", 2: "third"}.get(index, f"{index + 1}th")
