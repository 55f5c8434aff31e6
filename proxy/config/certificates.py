"""The files of sections `tls`: what they hold, and what is wrong with each.

- Files are read whole and are small. What they hold is never shown, only what it is; of it, certificates and the key
  are kept, and nothing else.
- `inspected` says what is wrong with texts, and needs no file; whoever checks touches no context that is in use.
- A section that is in force keeps what it has while its files cannot be used: a reload never fails for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from proxy import files
from proxy.config import chain
from proxy.config.model_url import is_numeric
from proxy.config.pem import NotPemError, certificates, private_key
from proxy.config.section import Section
from proxy.contracts.settings import Settings
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.contracts.tls_roles import Tls, place_of, sections, with_material

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

MAX_FILE_BYTES = 1024 * 1024
"""Bytes of a file of certificates: the authorities of a whole system are a quarter of that."""


class FileFault(NamedTuple):
    """A mistake in one of the files: `key` is that of the section. `late`: only that a certificate has expired."""

    key: str
    found: str
    allowed: str
    late: bool = False

    def __str__(self) -> str:
        return f"{self.key}: found {self.found}; allowed: {self.allowed}"


class CheckedFiles(NamedTuple):
    """What the files of a section hold, and what is wrong with them; `material` is None where they cannot be read."""

    material: TlsMaterial | None
    faults: tuple[FileFault, ...] = ()
    warnings: tuple[str, ...] = ()


def fill(root: Section, settings: Settings, running: Settings | None, now: float) -> Settings:
    """The settings with what the files of all sections hold; mistakes go to the problems of `root`. A section that is
    in force with the same files keeps what it has where they cannot be used now."""
    wanted = sections(settings)
    before = sections(running) if wanted and running else {}
    material: dict[str, TlsMaterial] = {}
    for role, tls in wanted.items():
        place = place_of(role)
        if any(root.refused(f"{place}.{key}") for key in paths_of(tls)):
            continue
        checked, kept = checked_files(tls, now), _kept(before.get(role), tls)
        if checked.faults and kept:
            material[role] = kept
            continue
        if checked.material:
            material[role] = checked.material
        for fault in checked.faults:
            # Without the certificate that it shows, nothing else stops: whoever serves goes on, and warns.
            root.refuse(f"{place}.{fault.key}", fault.found, fault.allowed, fault.late and isinstance(tls, ClientTls))
    return with_material(settings, material)


def _kept(running: Tls | None, wanted: Tls) -> TlsMaterial | None:
    """What a section in force holds, where it names the same files."""
    if running is None or paths_of(running) != paths_of(wanted) or running.material == TlsMaterial():
        return None
    return running.material


def paths_of(tls: Tls) -> dict[str, str]:
    """The keys of a section that name files, to their paths."""
    keys = ("certificate", "key", _ca_key(tls))
    return {key: path for key in keys if (path := getattr(tls, key))}


def _ca_key(tls: Tls) -> str:
    return "client_ca" if isinstance(tls, ServerTls) else "ca"


def checked_files(tls: Tls, now: float) -> CheckedFiles:
    """What the files of a section hold at `now` (Unix seconds)."""
    paths, texts, faults = paths_of(tls), dict[str, str](), list[FileFault]()
    for key, path in paths.items():
        try:
            texts[key] = files.content(path, MAX_FILE_BYTES).decode("latin-1")  # comments may be in any encoding
        except files.UnusableFileError as error:
            faults.append(FileFault(key, f"{path}: {error.found}", error.allowed))
        except OSError as error:
            faults.append(FileFault(key, f"{path}: {files.denied_to_read(path, error)}", "a file that can be read"))
    if faults:
        return CheckedFiles(None, tuple(faults))
    checked = inspected(tls, texts, now)
    return checked._replace(
        faults=tuple(each._replace(found=f"{paths[each.key]}: {each.found}") for each in checked.faults)
    )


def inspected(tls: Tls, texts: Mapping[str, str], now: float) -> CheckedFiles:
    """What is wrong with the texts of the files of a section, by key."""
    faults: list[FileFault] = []
    ca_key, use = _ca_key(tls), _use(tls)
    own = _parsed("certificate", texts, faults)
    authorities = _parsed(ca_key, texts, faults)
    key = None
    if "key" in texts:
        try:
            key = private_key(texts["key"])
        except NotPemError as error:
            faults.append(FileFault("key", error.found, error.allowed))
    if faults:
        return CheckedFiles(None, tuple(faults))
    shown, trusted = [each for _, each in own], [each for _, each in authorities]
    warnings: list[str] = []
    if shown and key is not None:
        mistakes = chain.own_mistakes(shown, key[1], use, now)
        faults += (FileFault(*each, late=each.found.startswith("expired")) for each in mistakes)
        warnings += (f"certificate: {each}" for each in chain.own_warnings(shown, use, now, _known(shown, trusted)))
    faults += (FileFault(ca_key, *each) for each in chain.authority_mistakes(trusted, now) if trusted)
    warnings += (f"{ca_key}: {each}" for each in chain.authority_warnings(trusted, now))
    begin, end = chain.times(shown[0]) if shown else (0.0, 0.0)
    material = TlsMaterial(
        "".join(text for text, _ in own),
        key[0] if key else "",
        "".join(text for text, _ in authorities),
        chain.names(shown[0]) if shown else (),
        end,
        begin,
    )
    return CheckedFiles(material, tuple(faults or _unusable(material, ca_key)), tuple(warnings))


def _unusable(material: TlsMaterial, ca_key: str) -> Iterator[FileFault]:
    """What OpenSSL itself refuses of texts in which nothing else is wrong."""
    from proxy.tls.pem import usable
    from proxy.tls.reason import TlsError

    try:
        usable(material)
    except TlsError as error:
        key = "certificate" if material.certificate else ca_key
        yield FileFault(key, str(error), "certificates and a key that the OpenSSL of this system takes")


def _use(tls: Tls) -> chain.Use:
    return "server" if isinstance(tls, ServerTls) else "client"


def _parsed(key: str, texts: Mapping[str, str], faults: list[FileFault]) -> tuple[tuple[str, Certificate], ...]:
    try:
        return certificates(texts[key]) if key in texts else ()
    except NotPemError as error:
        faults.append(FileFault(key, error.found, error.allowed))
        return ()


def _known(shown: list[Certificate], trusted: list[Certificate]) -> set[Name]:
    """Names of the authorities that are known here."""
    own = {each.subject for each in trusted}
    return own if shown[-1].issuer in own else own | of_system()


@cache
def of_system() -> frozenset[Name]:
    """Names of the authorities of this system."""
    import ssl  # a megabyte that the first process has no other use for

    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    texts = map(ssl.DER_cert_to_PEM_cert, found)
    return frozenset(each.subject for text in texts for each in _legible(text))


def _legible(text: str) -> tuple[Certificate, ...]:
    try:
        return tuple(each for _, each in certificates(text))
    except NotPemError:
        return ()


def concerns(settings: Settings) -> tuple[str, ...]:
    """What is unwise about the certificates of a configuration now, as sentences with their places."""
    now = time.time()
    of_files = (
        f"{place_of(role)}.{warning}"
        for role, tls in sections(settings).items()
        for warning in inspected(tls, texts_of(tls), now).warnings
    )
    return (*of_files, *_addresses(settings))


def _addresses(settings: Settings) -> Iterator[str]:
    """Versions whose certificates have to be of a numeric address, which few are."""
    for name, version in settings.versions.items():
        tls = settings.tls.get(name, ClientTls())
        if version.secure and is_numeric(version.host) and not (tls.server_name or tls.san or tls.insecure_skip_verify):
            yield (
                f"versions.{name}.url: its certificate has to be of the address {version.host} itself (an IP in its "
                f"SAN), which few have: versions.{name}.tls.server_name or san says another name"
            )


def texts_of(tls: Tls) -> dict[str, str]:
    """The texts that a section holds, by the keys of their files."""
    held = tls.material
    pairs = {"certificate": held.certificate, "key": held.key, _ca_key(tls): held.ca}
    return {key: text for key, text in pairs.items() if text}
