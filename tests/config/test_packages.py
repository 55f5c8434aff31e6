"""Packages of versions in a configuration: what they give, and what of them is a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.config.load import parse
from proxy.contracts.settings import ConfigError, Lineage, Settings
from tests.support import packages
from tests.support.packages import FAILED, PASSED

FILE = """
listen: 127.0.0.1:8080
{top}
versions:
  v1: {{url: "http://127.0.0.1:1"}}
  v2: {{url: "http://127.0.0.1:2"{v2}}}
routes:
  cancer:
    match: {{path: /}}
    protocol: json
    primary: v1
    release: {{candidate: v2, strategy: canary, stages: [{{canary: 10, requests: 100}}]}}
"""


def settings(v2: str = "", top: str = "", *, serving: bool = False) -> Settings:
    return parse(FILE.format(v2=v2, top=top), {}, serving=serving)


def problems(v2: str = "", top: str = "") -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        settings(v2, top)
    return {problem.path: problem.found for problem in refused.value.problems}


def test_the_lineage_of_a_version_is_its_package_s(tmp_path: Path) -> None:
    path = tmp_path / "v2.json"
    path.write_bytes(packages.document("v2", lineage={"commit": "4f2a91c", "dataset": "d-9"}))
    read = settings(f", package: {path}")
    assert read.lineage["v2"] == Lineage(commit="4f2a91c", dataset="d-9")
    assert read.packages["v2"].sha256 and not read.packages["v2"].fault
    both = settings(f", package: {path}, lineage: {{commit: 4f2a91c, features: f-3}}")
    assert both.lineage["v2"] == Lineage(commit="4f2a91c", dataset="d-9", features="f-3")
    found = problems(f", package: {path}, lineage: {{commit: other}}")
    assert list(found) == ["versions.v2.lineage.commit"]


def test_a_lineage_that_is_required_may_be_the_package_s(tmp_path: Path) -> None:
    path = tmp_path / "v2.json"
    path.write_bytes(packages.document("v2", lineage=dict.fromkeys(Lineage.__struct_fields__, "x")))
    found = problems(f", package: {path}", "require_lineage: true")
    assert {place.rpartition(".")[0] for place in found} == {"versions.v1.lineage"}
    path.write_bytes(packages.document("v2", lineage={"commit": "x"}))
    found = problems(f", package: {path}", "require_lineage: true")
    assert {place for place in found if "v2" in place} == {
        f"versions.v2.lineage.{key}" for key in ("dataset", "features", "training_config", "evaluation")
    }


@pytest.mark.parametrize("require", ["none", "whole", "passed"])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "No such file"),
        (b"", "no JSON"),
        (packages.document("v2", PASSED).replace(b"500", b"900"), "altered"),
        (packages.document("v1", PASSED), "the package of v1, not of v2"),
    ],
)
def test_one_that_cannot_be_used_is_refused_by_check_and_serves(
    tmp_path: Path, body: bytes | None, why: str, require: str
) -> None:
    path = tmp_path / "v2.json"
    if body is not None:
        path.write_bytes(body)
    top = f"require_package: {require}"
    found = problems(f", package: {path}", top)
    assert list(found) == ["versions.v2.package"] and why in found["versions.v2.package"]
    assert why in settings(f", package: {path}", top, serving=True).packages["v2"].fault


def test_check_says_which_candidate_lacks_what(tmp_path: Path) -> None:
    assert "no package" in problems("", "require_package: whole")["versions.v2.package"]
    path = packages.written(tmp_path, "v2", FAILED)
    assert "ended with fail" in problems(f", package: {path}", "require_package: passed")["versions.v2.package"]
    assert settings(f", package: {path}", "require_package: whole").require_package == "whole"
    path = packages.written(tmp_path, "v2", PASSED)
    assert settings(f", package: {path}", "require_package: passed").packages["v2"].replays == (PASSED,)


def test_a_word_that_is_none_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"none \| whole \| passed"):
        settings(top="require_package: yes")


def test_a_key_says_who_has_to_have_signed(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from proxy.config.public_key import name_of, signed_by
    from proxy.release.package import enveloped

    own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    key = tmp_path / "key.pub"
    key.write_bytes(own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    path, top = tmp_path / "v2.json", f"package_keys: [{key}]"

    def signed(by: Ed25519PrivateKey) -> None:
        made = enveloped(packages.document("v2", PASSED), lambda b: (name_of(by.public_key()), signed_by(by, b)))
        path.write_text(json.dumps({"payload": made.payload, "payloadType": made.kind, "signatures": [
            {"sig": each.sig, "keyid": each.keyid} for each in made.signatures]}))  # fmt: skip

    signed(own)
    assert settings(f", package: {path}", top).packages["v2"].signed_by == name_of(own.public_key())
    signed(other)
    assert "none of its signatures" in problems(f", package: {path}", top)["versions.v2.package"]
    path.write_bytes(packages.document("v2", PASSED))
    assert "not signed" in problems(f", package: {path}", top)["versions.v2.package"]
    key.write_text("no key")
    assert "package_keys[0]" in problems(f", package: {path}", top)


def test_who_judges_or_packages_a_version_asks_for_no_package(tmp_path: Path) -> None:
    path = tmp_path / "v2.json"
    path.write_bytes(packages.document("v2", FAILED, lineage={"commit": "of the build before"}))
    text = FILE.format(v2=f", package: {path}", top="require_package: passed")
    read = parse(text, {}, packages=False)
    assert read.require_package == "none" and read.lineage["v2"] == Lineage()
    assert read.packages["v2"].path == str(path)
