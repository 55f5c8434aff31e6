"""`penumbra package`: the document of what a version is, from a configuration and the files that belong to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

import proxy
from proxy import files
from proxy.cli.wording import counted
from proxy.config.pem import NotPemError, private_key
from proxy.contracts import replay
from proxy.contracts.package import Material, PackagedReplay
from proxy.contracts.replay import ReplayReport, UnreadableReportError
from proxy.contracts.settings import Lineage, Settings
from proxy.release.package import Predicate, enveloped, read, statement_of

MAX_REPORT_BYTES = 64 * 1024 * 1024
MAX_KEY_BYTES = 64 * 1024
PART_BYTES = 1024 * 1024
"""Bytes of a file that are hashed at a time: a model has gigabytes."""

IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}")
LINEAGE = Lineage.__struct_fields__
ROLES = ("artifact", "lock", "contract", "profile", *LINEAGE)
"""What a file of a package can be."""


class UnusablePart(ValueError):
    """Something that a package was to be made of cannot be used; the message says what and why."""


class Parts(Struct, frozen=True):
    """What the command line names beside the configuration."""

    image: str = ""
    """NAME@sha256:DIGEST."""
    lineage: Mapping[str, str] = {}
    """Fields of the lineage, in place of the configuration's."""
    files: Sequence[tuple[str, str]] = ()
    """Pairs of role and path."""
    reports: Sequence[Path] = ()
    """Reports of replays, as `penumbra replay --json` writes them."""
    sign: Path | None = None
    """A private key in PEM."""
    created: int = 0
    """Unix seconds."""


def packaged(settings: Settings, version: str, parts: Parts) -> bytes:
    """The document. Raises UnusablePart, OSError."""
    if version not in settings.versions:
        raise UnusablePart(f"no version {version} in the configuration; known: {', '.join(settings.versions)}")
    if parts.image and not IMAGE.fullmatch(parts.image):
        raise UnusablePart(f"--image {parts.image!r}: NAME@sha256:DIGEST, with the 64 digits of an image")
    stated = settings.lineage.get(version, Lineage())
    lineage = {key: value for key, value in (asdict(stated) | dict(parts.lineage)).items() if value}
    predicate = Predicate(
        version=version,
        created=datetime.fromtimestamp(parts.created, UTC).isoformat().replace("+00:00", "Z"),
        made_by=f"penumbra {proxy.__version__}",
        image=parts.image,
        endpoint=settings.versions[version].url,
        lineage=lineage,
        materials=tuple(_materials(settings, version, lineage, parts.files)),
        replays=tuple(_replay(settings, path, version, parts.image, lineage) for path in parts.reports),
    )
    statement = msgspec.json.encode(statement_of(predicate))
    document = statement if parts.sign is None else msgspec.json.encode(enveloped(statement, _signer(parts.sign)))
    return msgspec.json.format(document, indent=2) + b"\n"


def described(document: bytes) -> str:
    """What is in a package, as far as somebody has to know who has just made it."""
    said = read(document)[0].predicate
    verdicts = ", ".join(f"{each.verdict} on {each.route}" for each in said.replays) or "none, as --report names them"
    return f"package of {said.version}, with {counted(len(said.materials), 'file')} by hash; replays: {verdicts}"


def _materials(
    settings: Settings, version: str, lineage: Mapping[str, str], named: Sequence[tuple[str, str]]
) -> Iterator[Material]:
    """The files that are named, those that the lineage names and has here, and the profiles of the version's routes."""
    routes = [route for route in settings.routes if version in route.named]
    profiles = [("profile", route.analysis.profile) for route in routes if route.analysis.profile]
    of_lineage = [(key, value) for key, value in lineage.items() if os.path.isfile(value)]
    for role, path in dict.fromkeys((*named, *of_lineage, *profiles)):
        if role not in ROLES:
            raise UnusablePart(f"--file {role}={path}: a file is {' | '.join(ROLES)}")
        yield _material(role, path)


def _material(role: str, path: str) -> Material:
    digest, size = sha256(), 0
    with open(files.descriptor(path), "rb") as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
            size += len(part)
    return Material(role, path, digest.hexdigest(), size)


def _replay(settings: Settings, path: Path, version: str, image: str, lineage: Mapping[str, str]) -> PackagedReplay:
    document = files.content(path, MAX_REPORT_BYTES)
    try:
        report = replay.decode(document)
    except UnreadableReportError as error:
        raise UnusablePart(f"{path}: {error}") from error
    why = _unfit(settings, report, version) or _of_another(report, image, lineage)
    if why:
        raise UnusablePart(f"{path}: {why}")
    return PackagedReplay(
        route=report.route,
        verdict=report.verdict,
        sentence=report.sentence,
        requests=report.counts.sent,
        capture=report.capture.sha256,
        report=sha256(document).hexdigest(),
        against=report.against,
        answered_as=tuple(dict.fromkeys(each.identity for each in report.answered_as)),
    )


def _unfit(settings: Settings, report: ReplayReport, version: str) -> str:
    """Why a report says nothing of this version by this configuration; "" where it does."""
    if report.candidate != version:
        return f"it is a replay of {report.candidate}, not of {version}"
    if report.run is None:
        return "it lacks `run`, and with it the digest that tells whether it was altered"
    section = next((each for each in settings.routes if each.name == report.route), None)
    if section is None:
        return f"it is a replay on {report.route}, which is no route of the configuration"
    if section.digest != report.settings:
        return f"it was judged by another configuration of {report.route} or its versions: replay again with this one"
    if mixed := report.mixed:
        return f"its answers are of {len(mixed)} models ({' and '.join(mixed)}), and a package is of one"
    broken = [each.metric for each in report.verdicts if each.outcome == "fail" and not each.moot]
    if report.verdict == "pass" and broken:
        return f"it says pass, and {broken[0]} has failed"
    return ""


def _of_another(report: ReplayReport, image: str, lineage: Mapping[str, str]) -> str:
    """Why a report is of another artifact than the package, as far as both say which; "" where nothing tells so."""
    if report.image and report.image != image:
        return f"it is a replay of {report.image}, and the package is of {image or 'no image that --image names'}"
    for key, replayed in asdict(report.lineage).items():
        packaged = lineage.get(key, "")
        if replayed and packaged and replayed != packaged:
            return f"it is a replay of a version whose {key} is {replayed}, and that of the package is {packaged}"
    return ""


def _signer(path: Path) -> Callable[[bytes], tuple[str, bytes]]:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from proxy.config.public_key import name_of, signed_by

    try:
        _, key = private_key(files.content(path, MAX_KEY_BYTES).decode("latin-1"))
    except NotPemError as error:
        raise UnusablePart(f"{path}: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise UnusablePart(f"{path}: a private key of Ed25519 or of an elliptic curve")
    return lambda body: (name_of(key.public_key()), signed_by(key, body))
