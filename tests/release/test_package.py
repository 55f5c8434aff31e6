"""Packages: what is written is read again, whatever is altered is refused, and what may begin with which."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.package import Material, Package, PackagedReplay
from proxy.release import package
from proxy.release.package import PackageError, Predicate, encoded, enveloped, package_of, read, refusal, statement_of

TEXTS = st.text(max_size=12)
MATERIALS = st.builds(
    Material,
    st.sampled_from(["artifact", "lock", "profile"]),
    TEXTS,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 2**40),
)
REPLAYS = st.builds(PackagedReplay, TEXTS, st.sampled_from(["pass", "fail"]), TEXTS, st.integers(0, 9), TEXTS, TEXTS)
PREDICATES = st.builds(
    Predicate,
    version=TEXTS,
    created=TEXTS,
    made_by=TEXTS,
    image=st.sampled_from(["", "shop/fraud@sha256:" + "ab" * 32]),
    endpoint=TEXTS,
    lineage=st.dictionaries(st.sampled_from(["commit", "dataset"]), TEXTS),
    materials=st.lists(MATERIALS, max_size=3).map(tuple),
    replays=st.lists(REPLAYS, max_size=2).map(tuple),
)
PASSED = PackagedReplay("fraud", "pass", "error_rate ratio 1.0 <= limit 1.5", 500, "c" * 64, "d" * 64)
PREDICATE = Predicate("v2", "2026-01-02T03:04:05Z", "penumbra 1", materials=(Material("lock", "l", "e" * 64, 3),))


def document(predicate: Predicate = PREDICATE) -> bytes:
    return msgspec.json.encode(statement_of(predicate))


def sign(body: bytes) -> tuple[str, bytes]:
    return "k", sha256(b"secret" + body).digest()


def verify(signature: bytes, body: bytes) -> str:
    return "k" if signature == sha256(b"secret" + body).digest() else ""


@given(predicate=PREDICATES)
def test_what_is_written_is_read(predicate: Predicate) -> None:
    body = document(predicate)
    statement, signer = read(msgspec.json.format(body, indent=2))
    assert (replace(statement.predicate, digest=""), signer) == (predicate, "")
    assert all(len(each.digest["sha256"]) == 64 for each in statement.subject)
    envelope = msgspec.json.encode(enveloped(body, sign))
    assert read(envelope, verify) == (statement, "k")
    assert read(envelope) == (statement, "")  # nobody asked for a signature


@given(predicate=PREDICATES, data=st.data())
def test_whatever_is_altered_is_refused(predicate: Predicate, data: st.DataObject) -> None:
    tree = json.loads(document(predicate))
    places = list(_places(tree))
    *way, last = data.draw(st.sampled_from(places))
    parent = tree
    for key in way:
        parent = parent[key]
    parent[last] = parent[last] + 1 if isinstance(parent[last], int) else parent[last] + "x"
    with pytest.raises(PackageError):
        read(json.dumps(tree).encode())


def _places(value: Any, way: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*way, key))
    if isinstance(value, str | int):
        yield way


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"\xff", "no JSON"),
        (document().replace(b"in-toto.io/Statement", b"in-toto.io/Link"), "_type"),
        (document().replace(b"urn:penumbra:package:v1", b"https://slsa.dev/provenance/v1"), "predicateType"),
        (document().replace(b'"version"', b'"versions"'), "no whole package"),
        (document().replace(b'"predicate":{', b'"predicate":{"more":1,'), "members"),
        (document().replace(b'"v2"', b'"v9"'), "altered"),
        (b'{"payload": "!", "payloadType": "x", "signatures": []}', "no envelope"),
        (b'{"payload": "e30=", "payloadType": "text/plain", "signatures": []}', "text/plain"),
        (b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []}', "_type"),
    ],
)
def test_what_is_no_package_says_why(body: bytes, why: str) -> None:
    with pytest.raises(PackageError, match=why):
        read(body)


def test_a_signature_that_is_asked_for_has_to_be_one_of_the_statement() -> None:
    with pytest.raises(PackageError, match="not signed"):
        read(document(), verify)
    tree = json.loads(msgspec.json.encode(enveloped(document(), sign)))
    other = document(replace(PREDICATE, created="2027-01-01T00:00:00Z"))
    with pytest.raises(PackageError, match="none of its signatures"):
        read(json.dumps(tree | {"payload": b64encode(other).decode()}).encode(), verify)
    with pytest.raises(PackageError, match="none of its signatures"):
        read(json.dumps(tree | {"signatures": []}).encode(), verify)
    second = [{"sig": b64encode(b"of another").decode()}, *tree["signatures"]]
    assert read(json.dumps(tree | {"signatures": second}).encode(), verify)[1] == "k"


def test_the_encoding_is_that_of_the_specification() -> None:
    # The example of DSSE v1.0, with the payload type of in-toto.
    assert encoded(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    envelope = enveloped(b"{}", sign)
    assert (b64decode(envelope.payload), envelope.kind) == (b"{}", package.PAYLOAD)


def test_subjects_are_the_image_and_the_artifacts() -> None:
    made = replace(
        PREDICATE,
        image="shop/fraud:2@sha256:" + "ab" * 32,
        materials=(*PREDICATE.materials, Material("artifact", "model.bin", "cd" * 32, 9)),
    )
    names = {each.name: each.digest["sha256"] for each in statement_of(made).subject}
    assert names == {"shop/fraud:2": "ab" * 32, "model.bin": "cd" * 32}
    assert [each.name for each in statement_of(PREDICATE).subject] == ["v2"]


def packaged(*replays: PackagedReplay, version: str = "v2") -> Package:
    return package_of("p.json", statement_of(replace(PREDICATE, replays=replays)), "", version)


@pytest.mark.parametrize(
    ("known", "require", "why"),
    [
        (None, "none", ""),
        (Package("p", "altered"), "none", ""),
        (None, "whole", "v2 has no package"),
        (Package("p", "altered"), "whole", "altered"),
        (packaged(version="v1"), "whole", "the package of v2, not of v1"),
        (packaged(), "whole", ""),
        (packaged(), "passed", "no replay on route fraud"),
        (packaged(replace(PASSED, route="other")), "passed", "it has: other"),
        (packaged(replace(PASSED, verdict="fail")), "passed", "ended with fail"),
        (packaged(replace(PASSED, verdict="undecided")), "passed", "ended with undecided"),
        (packaged(PASSED, replace(PASSED, verdict="fail")), "passed", "ended with fail"),
        (packaged(PASSED), "passed", ""),
    ],
)
def test_what_may_begin(known: Package | None, require: Any, why: str) -> None:
    said = refusal("v2", known, require, "fraud")
    assert why in said and bool(why) == bool(said)
