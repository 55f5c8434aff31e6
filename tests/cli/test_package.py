"""`penumbra package`: what is written, what it is made of, and what is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec.structs import replace
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.config.load import load
from proxy.contracts import replay
from proxy.contracts.replay import AnsweredAs
from proxy.contracts.settings import Lineage
from proxy.release.package import read
from tests.support.replays import failed

CONFIG = """
listen: 127.0.0.1:0
state: p.db
versions:
  v1: {url: "http://127.0.0.1:1"}
  v2: {url: "http://127.0.0.1:2/models", lineage: {commit: 4f2a91c, training_config: lr.yaml}}
routes:
  cancer:
    match: {path: /}
    protocol: json
    primary: v1
    shadows: [{version: v2}]
    analysis: {features: /x, profile: profile.json}
"""
IMAGE = "shop/fraud:2@sha256:" + "ab" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("penumbra.yaml", CONFIG), ("lr.yaml", "rate: 1"), ("profile.json", "{}"), ("uv.lock", "x")):
        (tmp_path / name).write_text(text)
    report()
    return tmp_path


def report(**changes: Any) -> None:
    """A report of the configuration as it is."""
    (section,) = load("penumbra.yaml", packages=False).routes
    lines = tuple(replace(line, outcome="pass") for line in failed().lines)
    usual: dict[str, Any] = {"candidate": "v2", "verdict": "pass", "settings": section.digest, "lines": lines}
    usual |= {"lineage": Lineage(commit="4f2a91c"), "image": ""}
    Path("report.json").write_bytes(replay.encode(replace(failed(), **usual | changes)))


def run(*arguments: str, version: str = "v2", code: int = 0) -> str:
    result = CliRunner().invoke(app, ["package", "penumbra.yaml", version, *arguments])
    assert result.exit_code == code, result.output
    return result.output


def made(*arguments: str) -> Any:
    run("--created", "1767323045", *arguments)
    return json.loads(Path("package.json").read_bytes())


def test_it_says_what_the_version_is() -> None:
    statement = made("--file", "lock=uv.lock", "--report", "report.json", "--lineage", "dataset=d-9")
    said = statement["predicate"]
    assert (said["version"], said["endpoint"], said["created"]) == (
        "v2",
        "http://127.0.0.1:2/models",
        "2026-01-02T03:04:05Z",
    )
    assert said["lineage"] == {"commit": "4f2a91c", "training_config": "lr.yaml", "dataset": "d-9"}
    assert {(each["role"], each["name"]): each["sha256"] for each in said["materials"]} == {
        ("lock", "uv.lock"): sha256(b"x").hexdigest(),
        ("training_config", "lr.yaml"): sha256(b"rate: 1").hexdigest(),
        ("profile", "profile.json"): sha256(b"{}").hexdigest(),
    }
    (replayed,) = said["replays"]
    assert replayed["report"] == sha256(Path("report.json").read_bytes()).hexdigest()
    assert (replayed["route"], replayed["verdict"], replayed["requests"]) == ("cancer", "pass", 113)


def test_who_makes_one_is_told_whether_its_replays_passed() -> None:
    """A package is made of a version that failed, too: the release is what it keeps from beginning."""
    assert "package of v2, with 2 files by hash; replays: none, as --report names them" in run()
    report(verdict="fail", lines=failed().lines)
    assert "replays: fail on cancer" in run("--report", "report.json")


def test_the_same_files_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    first = Path("package.json").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767323045")
    run()
    assert Path("package.json").read_bytes() == first


def test_an_image_and_artifacts_are_its_subjects() -> None:
    statement = made("--image", IMAGE, "--file", "artifact=lr.yaml")
    assert [each["name"] for each in statement["subject"]] == ["shop/fraud:2", "lr.yaml"]


@pytest.mark.parametrize("format", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_signed_one_is_used_with_its_key(folder: Path, format: PrivateFormat) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    Path("key.pem").write_bytes(key.private_bytes(Encoding.PEM, format, NoEncryption()))
    Path("key.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    run("--sign", "key.pem", "--report", "report.json", "-o", "v2.json")
    text = CONFIG.replace("lineage: {commit: 4f2a91c, training_config: lr.yaml}", "package: v2.json")
    Path("signed.yaml").write_text(f"{text}package_keys: [key.pub]\nrequire_package: passed\n")
    Path("profile.json").unlink()
    Path("signed.yaml").write_text(Path("signed.yaml").read_text().replace(", profile: profile.json", ""))
    settings = load("signed.yaml")
    assert settings.packages["v2"].signed_by and settings.lineage["v2"].commit == "4f2a91c"


def test_what_cannot_be_used_is_named(folder: Path) -> None:
    assert "known: v1, v2" in run(version="v9", code=1)
    assert "NAME@sha256:DIGEST" in run("--image", "shop/fraud:2", code=1)
    assert "No such file" in run("--file", "lock=gone", code=1)
    assert "artifact | lock" in run("--file", "locks=uv.lock", code=1)
    assert "no report" in run("--report", "lr.yaml", code=1)
    assert "--lineage owner" in run("--lineage", "owner=me", code=2)
    assert "ROLE=PATH" in run("--file", "uv.lock", code=2)
    Path("other.json").write_bytes(replay.encode(failed()))
    assert "a replay of cancer-v3, not of v2" in run("--report", "other.json", code=1)
    assert "no private key" in run("--sign", "lr.yaml", code=1)
    key = rsa.generate_private_key(65537, 2048)
    Path("rsa.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert "Ed25519" in run("--sign", "rsa.pem", code=1)
    assert not Path("package.json").exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settings": "cd" * 32}, "another configuration of cancer"),
        ({"route": "other"}, "which is no route of the configuration"),
        ({"run": None}, "lacks `run`"),
        ({"lines": failed().lines}, "it says pass, and disagreement has failed"),
        ({"answered_as": (AnsweredAs("a=1"), AnsweredAs("a=2"))}, "its answers are of 2 models (a=1 and a=2)"),
    ],
)
def test_a_report_is_of_this_version_by_this_configuration(changes: dict[str, Any], why: str) -> None:
    report(**changes)
    assert why in run("--report", "report.json", code=1)


@pytest.mark.parametrize(
    ("changes", "arguments", "why"),
    [
        ({"image": IMAGE}, (), "and the package is of no image"),
        ({"image": IMAGE}, ("--image", IMAGE.replace("ab", "cd")), "it is a replay of shop/fraud:2@sha256:abab"),
        ({}, ("--lineage", "commit=other"), "whose commit is 4f2a91c, and that of the package is other"),
        ({"lineage": Lineage(dataset="d-1")}, ("--lineage", "dataset=d-2"), "whose dataset is d-1"),
    ],
)
def test_a_report_is_of_the_artifact_that_is_packaged(
    changes: dict[str, Any], arguments: tuple[str, ...], why: str
) -> None:
    report(**changes)
    assert why in run("--report", "report.json", *arguments, code=1)


def test_it_says_who_was_asked_and_what_that_said_it_was() -> None:
    (said,) = made("--report", "report.json")["predicate"]["replays"]
    assert said["against"] == "http://127.0.0.1:8083/"
    assert said["answered_as"] == ["model_name=cancer, model_version=3"]
    report(answered_as=(), against="")
    (silent,) = made("--report", "report.json")["predicate"]["replays"]
    assert {"against", "answered_as"}.isdisjoint(silent), "as packages of before were"


def test_what_a_report_does_not_say_is_vouched_for_by_the_job() -> None:
    report(lineage=Lineage())
    assert made("--report", "report.json", "--image", IMAGE, "--lineage", "commit=other")
    report(image=IMAGE)
    assert made("--report", "report.json", "--image", IMAGE)


def test_a_report_that_was_altered_is_refused() -> None:
    report(verdict="fail", lines=failed().lines)
    made("--report", "report.json")
    place = Path("report.json")
    place.write_bytes(place.read_bytes().replace(b'"verdict": "fail"', b'"verdict": "pass"'))
    assert "it was altered" in run("--report", "report.json", code=1)


def test_what_it_writes_can_be_read() -> None:
    made("--image", IMAGE)
    statement, _ = read(Path("package.json").read_bytes())
    assert statement.predicate.image == IMAGE


def test_a_configuration_that_asks_for_the_package_makes_it(folder: Path) -> None:
    text = CONFIG.replace("shadows: [{version: v2}]", "canary: {version: v2, percent: 5}")
    text = text.replace("lineage: {commit: 4f2a91c, training_config: lr.yaml}", "package: package.json")
    Path("penumbra.yaml").write_text(f"{text}require_package: passed\n")
    report()
    run("--report", "report.json")
    assert load("penumbra.yaml").packages["v2"].replays[0].verdict == "pass"
