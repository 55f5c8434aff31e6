"""The package of a version: one document of what a release is, as an in-toto statement.

    {"_type": …, "subject": [{"name", "digest": {"sha256"}}], "predicateType": …,
     "predicate": {version, image, endpoint, lineage, materials, replays, created, made_by, digest}}

1. Subjects are the image, where there is one, and every artifact; without either the version itself, by the digest of
   what the package says of it.
2. `predicate.digest` is the SHA-256 of the statement in canonical form with an empty digest. It finds accidents, and
   edits by who does not know it; against others the statement stands signed in an envelope (DSSE), and
   `package_keys` names the keys.
3. A package that cannot be used refuses releases of its version, never its traffic.

Sources: in-toto Attestation Framework, Statement v1; DSSE v1.0.2 (the pre-authentication encoding is `encoded`).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.package import Material, Package, PackagedReplay, RequirePackage
from proxy.release.audit import canonical

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:penumbra:package:v1"
PAYLOAD = "application/vnd.in-toto+json"

MAX_BYTES = 1024 * 1024
"""Bytes of a package: some kilobytes are usual."""

Verify = Callable[[bytes, bytes], str]
"""Signature and signed bytes to the name of the key that made it; "" for none that is known."""


class Subject(Struct, frozen=True):
    """What a statement is about."""

    name: str
    digest: dict[str, str]


class Predicate(Struct, frozen=True):
    """What it says of it."""

    version: str
    created: str
    made_by: str
    image: str = ""
    endpoint: str = ""
    lineage: dict[str, str] = {}
    materials: tuple[Material, ...] = ()
    replays: tuple[PackagedReplay, ...] = ()
    digest: str = ""


class Statement(Struct, frozen=True):
    """The document."""

    subject: tuple[Subject, ...]
    predicate: Predicate
    type: str = field(default=STATEMENT, name="_type")
    predicate_type: str = field(default=PREDICATE, name="predicateType")


class Signature(Struct, frozen=True):
    """One signature of an envelope, in base64."""

    sig: str
    keyid: str = ""


class Envelope(Struct, frozen=True):
    """A signed document (DSSE)."""

    payload: str
    kind: str = field(name="payloadType")
    signatures: tuple[Signature, ...]


class PackageError(ValueError):
    """A text is no package that can be used; the message says why."""


def statement_of(predicate: Predicate) -> Statement:
    """The whole document for what it says."""
    bare = Statement(_subjects(predicate), replace(predicate, digest=""))
    return replace(bare, predicate=replace(predicate, digest=digest_of(bare)))


def _subjects(predicate: Predicate) -> tuple[Subject, ...]:
    name, _, digest = predicate.image.partition("@sha256:")
    subjects = [Subject(name, {"sha256": digest})] if digest else []
    subjects += [Subject(each.name, {"sha256": each.sha256}) for each in predicate.materials if each.role == "artifact"]
    whole = sha256(canonical(replace(predicate, digest="")).encode()).hexdigest()
    return tuple(subjects) or (Subject(predicate.version, {"sha256": whole}),)


def digest_of(statement: Statement) -> str:
    """The digest of a statement, whatever digest it says."""
    bare = replace(statement, predicate=replace(statement.predicate, digest=""))
    return sha256(canonical(bare).encode()).hexdigest()


def encoded(payload: bytes) -> bytes:
    """The bytes that a signature is of (DSSE, PAE)."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def enveloped(payload: bytes, sign: Callable[[bytes], tuple[str, bytes]]) -> Envelope:
    """The envelope of a statement. `sign`: bytes to the name of the key and its signature."""
    key, signature = sign(encoded(payload))
    made = Signature(b64encode(signature).decode(), key)
    return Envelope(b64encode(payload).decode(), PAYLOAD, (made,))


def read(body: bytes, verify: Verify | None = None) -> tuple[Statement, str]:
    """The statement in a file, and who signed it. `verify`: one of its signatures has to be known.

    Raises PackageError.
    """
    tree = _tree(body)
    if "payload" in tree:
        return _opened(tree, verify)
    if verify is not None:
        raise PackageError("it is not signed, and package_keys asks for a signature")
    return _statement(tree), ""


def _tree(body: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(body, object_pairs_hook=unambiguous)
    except (ValueError, RecursionError) as error:
        raise PackageError(f"it is no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise PackageError("it is no object of JSON")
    return tree


def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object of a document that proves something. Raises ValueError where one stands twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")  # who reads the first is told something else than who reads the last
    return members


def _opened(tree: Mapping[str, Any], verify: Verify | None) -> tuple[Statement, str]:
    try:
        envelope = msgspec.convert(tree, Envelope)
        payload = b64decode(envelope.payload, validate=True)
        signatures = [b64decode(each.sig, validate=True) for each in envelope.signatures]
    except ValueError as error:  # msgspec's, base64's
        raise PackageError(f"it is no envelope: {error}") from error
    if envelope.kind != PAYLOAD:
        raise PackageError(f"it is an envelope of {envelope.kind[:80]!r}, not of {PAYLOAD}")
    signer = ""
    if verify is not None:
        known = (verify(signature, encoded(payload)) for signature in signatures)
        signer = next((key for key in known if key), "")
        if not signer:
            raise PackageError("none of its signatures is by one of package_keys")
    return _statement(_tree(payload)), signer


def _statement(tree: Mapping[str, Any]) -> Statement:
    for key, wanted in (("_type", STATEMENT), ("predicateType", PREDICATE)):
        if tree.get(key) != wanted:
            raise PackageError(f"its {key} is {str(tree.get(key))[:80]!r}, not {wanted}")
    try:
        statement = msgspec.convert(tree, Statement)
    except msgspec.ValidationError as error:
        raise PackageError(f"it is no whole package: {error}") from error
    if canonical(statement) != canonical(tree):
        raise PackageError("it has members that no package has, or lacks some")
    if statement.predicate.digest != digest_of(statement):
        raise PackageError("it was altered: its digest is not that of its text")
    if statement.subject != _subjects(statement.predicate):
        raise PackageError("its subjects are not those that it describes")
    return statement


def package_of(path: str, statement: Statement, signer: str, version: str) -> Package:
    """What a statement says, for the settings of `version`."""
    said = statement.predicate
    fault = "" if said.version == version else f"it is the package of {said.version[:80]}, not of {version}"
    return Package(
        path=path,
        fault=fault,
        sha256=said.digest,
        signed_by=signer,
        version=said.version,
        image=said.image,
        endpoint=said.endpoint,
        created=said.created,
        lineage=said.lineage,
        materials=said.materials,
        replays=said.replays,
    )


def refusal(
    version: str, package: Package | None, require: RequirePackage, route: str, answering: Collection[str] = ()
) -> str:
    """Why no release of `version` on `route` may begin, or go on; "" where one may.

    - `answering`: what its answers say now of who gives them, as far as it is known
    """
    if require == "none":
        return ""
    if package is None:
        return f"{version} has no package, and require_package is {require}"
    if package.fault:
        return f"the package of {version} ({package.path}) cannot be used: {package.fault}"
    return "" if require == "whole" else _unpassed(version, package, route, answering)


def _unpassed(version: str, package: Package, route: str, answering: Collection[str]) -> str:
    replays = [each for each in package.replays if each.route == route]
    if not replays:
        others = ", ".join(dict.fromkeys(each.route for each in package.replays)) or "none"
        return (
            f"the package of {version} has no replay on route {route}, and require_package is passed (it has: {others})"
        )
    bad = next((each for each in replays if each.verdict != "pass"), None)
    if bad:
        return f"the replay of {version} on route {route} ended with {bad.verdict}: {bad.sentence}"
    replayed = {identity for each in replays for identity in each.answered_as}
    strangers = [name for name in answering if name not in replayed] if replayed else []
    if not strangers:
        return ""
    told = f"{' and '.join(strangers)} answers as {version} on route {route}"
    return f"{told}, and the replay that passed is of {' and '.join(sorted(replayed))}"
