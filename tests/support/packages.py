"""Packages for tests: of a version, with or without a replay that passed."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from proxy.contracts.package import Package, PackagedReplay
from proxy.release.package import Predicate, package_of, statement_of

_TEXT = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
KEY = f"-----BEGIN PUBLIC KEY-----\n{_TEXT}\n-----END PUBLIC KEY-----\n".encode()
"""A public key (Ed25519, RFC 8410)."""
PASSED = PackagedReplay("cancer", "pass", "error_rate ratio 1.0 <= limit 1.5", 500, "c" * 64, "d" * 64)
FAILED = replace(PASSED, verdict="fail", sentence="disagreement: 0.2 > limit 0.05")


def document(version: str = "v2", *replays: PackagedReplay, lineage: dict[str, str] | None = None) -> bytes:
    """The text of a package."""
    said = Predicate(version, "2026-01-02T03:04:05Z", "penumbra 1", lineage=lineage or {}, replays=replays)
    return msgspec.json.encode(statement_of(said))


def package(version: str = "v2", *replays: PackagedReplay) -> Package:
    """A package as the settings have it."""
    statement = statement_of(Predicate(version, "2026-01-02T03:04:05Z", "penumbra 1", replays=replays))
    return package_of(f"{version}.json", statement, "", version)


def written(folder: Path, version: str = "v2", *replays: PackagedReplay) -> Path:
    """The file of a package."""
    path = folder / f"{version}.json"
    path.write_bytes(document(version, *replays))
    return path
