"""The files of sections `tls`: what they hold, and what is wrong with each.

Rules:
- files are read whole and are small; what they hold is never shown, only what it is;
- `material_of` gives what contexts are made of, or every mistake; what is only unwise is a warning;
- whoever checks a section does so without its being in force: nothing here touches a context in use.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy import files
from proxy.config.section import Section
from proxy.contracts.settings import Settings
from proxy.contracts.tls import SPIFFE, ServerTls, TlsMaterial
from proxy.contracts.tls_roles import Tls, place_of, sections, with_material

MAX_FILE_BYTES = 1024 * 1024
"""Bytes of a file of certificates: the authorities of a whole system are a quarter of that."""


class Fault(NamedTuple):
    """A mistake in one of the files: `key` is that of the section."""

    key: str
    found: str
    allowed: str


class Checked(NamedTuple):
    """What the files of a section hold, and what is wrong with them; `material` is None where anything is."""

    material: TlsMaterial | None
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]


def fill(root: Section, settings: Settings, running: Settings | None, now: float) -> Settings:
    """The settings with what the files of all sections hold; mistakes go to the problems of `root`. A section that is
    in force with the same files keeps what it has where they cannot be used now."""
    wanted = sections(settings)
    before = sections(running) if wanted and running else {}
    material: dict[str, TlsMaterial] = {}
    for role, tls in wanted.items():
        place = place_of(role)
        if any(root.refused(f"{place}.{key}") for key in _paths(tls)):
            continue
        checked, kept = material_of(tls, now), _kept(before.get(role), tls)
        if held := checked.material or kept:
            material[role] = held
            continue
        for fault in checked.faults:
            root.refuse(f"{place}.{fault.key}", fault.found, fault.allowed)
    return with_material(settings, material)


def _kept(running: Tls | None, wanted: Tls) -> TlsMaterial | None:
    """What a section in force holds, where it names the same files."""
    return running.material if running is not None and _paths(running) == _paths(wanted) else None


def _paths(tls: Tls) -> dict[str, str]:
    """The keys of a section that name files, to their paths."""
    keys = ("certificate", "key", "client_ca") if isinstance(tls, ServerTls) else ("certificate", "key", "ca")
    return {key: path for key in keys if (path := getattr(tls, key))}


def material_of(tls: Tls, now: float) -> Checked:
    """What the files of a section hold at `now` (Unix seconds)."""
    faults: list[Fault] = []
    texts = {key: text for key, path in _paths(tls).items() if (text := _read(key, path, faults)) is not None}
    if faults:
        return Checked(None, tuple(faults), ())
    certificate, key = texts.get("certificate", ""), texts.get("key", "")
    ca = texts.get("client_ca", texts.get("ca", ""))
    names, not_after = _own(certificate) if certificate else ((), 0.0)
    return Checked(TlsMaterial(certificate, key, ca, names, not_after), (), ())


def _read(key: str, path: str, faults: list[Fault]) -> str | None:
    try:
        return files.content(path, MAX_FILE_BYTES).decode("ascii")
    except files.UnusableFileError as error:
        faults.append(Fault(key, f"{path}: {error.found}", error.allowed))
    except OSError as error:
        faults.append(Fault(key, f"{path}: {error.strerror}", "a file that can be read"))
    except UnicodeDecodeError:
        faults.append(Fault(key, f"{path}: no PEM", "a file in PEM"))
    return None


def _own(certificate: str) -> tuple[tuple[str, ...], float]:
    from cryptography import x509  # only who has a section pays for it

    found: Any = x509.load_pem_x509_certificates(certificate.encode())[0]
    return _names(found), found.not_valid_after_utc.timestamp()


def _names(certificate: Any) -> tuple[str, ...]:
    from cryptography import x509

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    kinds = {"dns": x509.DNSName, "ip": x509.IPAddress, "uri": x509.UniformResourceIdentifier}
    found = [f"{kind}:{value}" for kind, each in kinds.items() for value in alternative.get_values_for_type(each)]
    return tuple(name.removeprefix("uri:") if name.startswith(f"uri:{SPIFFE}") else name for name in found)
