"""What the package of a version says, as the settings hold it. `release.package` has its document and its rules."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

RequirePackage = Literal["none", "whole", "passed"]
"""What the package of a candidate has to be before a release begins: nothing, there and unaltered, or that and with a
replay that passed."""


class Material(Struct, frozen=True):
    """A file that a version was made of or is judged by."""

    role: str
    """What it is: `artifact`, `lock`, `contract`, `profile`, or the part of the lineage that names it."""
    name: str
    """As it was named, relative to where the package was made."""
    sha256: str
    """In hex."""
    bytes: int


class PackagedReplay(Struct, frozen=True, omit_defaults=True):
    """A replay of captured requests against the version, and what it ended with. What packages of before lack is left
    out where there is nothing to say."""

    route: str
    verdict: str
    """`pass`, `fail` or `undecided`."""
    sentence: str
    """Why, with both numbers."""
    requests: int
    """Requests that were judged."""
    capture: str
    """SHA-256 of the capture."""
    report: str
    """SHA-256 of the whole report."""
    against: str = ""
    """Address of the server that was asked, without what is secret in it."""
    answered_as: tuple[str, ...] = ()
    """What its answers said of who gave them (`contracts.identity`); (): nothing."""


class Package(Struct, frozen=True):
    """One package, as it was read from its file."""

    path: str
    fault: str = ""
    """Why it cannot be used; "" where it can. The rest is then as far as it could be read."""
    sha256: str = ""
    """Its digest: of its statement in canonical form."""
    signed_by: str = ""
    """SHA-256 of the public key, in hex, whose signature was verified; "": none was asked for."""
    version: str = ""
    image: str = ""
    endpoint: str = ""
    created: str = ""
    """RFC 3339."""
    lineage: dict[str, str] = {}
    """Fields of `settings.Lineage` that it states."""
    materials: tuple[Material, ...] = ()
    replays: tuple[PackagedReplay, ...] = ()
