"""Files of sections `tls`: what they hold, and what is wrong with them, each told at its place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.config.certificates import checked_files, concerns, fill, inspected, paths_of
from proxy.config.load import parse
from proxy.config.section import Section
from proxy.contracts.address import Address
from proxy.contracts.settings import Problem, Settings
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.tls import pem
from proxy.tls.reason import TlsError
from tests.support.certificates import DAY, Authority, Issued, new_key, pem_of, written

CA = Authority()
OWN = CA.issue("dns:localhost", "ip:127.0.0.1", "spiffe://prod/a")
NOW = time.time()


def section(folder: Path) -> ServerTls:
    certificate, key, ca = (str(folder / name) for name in ("tls.crt", "tls.key", "ca.crt"))
    return ServerTls(certificate, key, ca, "require")


def faults(folder: Path) -> dict[str, str]:
    return {fault.key: f"{fault.found}; {fault.allowed}" for fault in checked_files(section(folder), NOW).faults}


def test_what_files_hold_and_nothing_else_of_them(tmp_path: Path) -> None:
    written(tmp_path, OWN._replace(certificate=f"# ü\n{OWN.certificate}{OWN.key}"), CA)
    checked = checked_files(section(tmp_path), NOW)
    assert (checked.material, checked.faults) == (OWN.material(CA), ())
    assert checked.warnings == ()


def test_one_file_may_hold_all(tmp_path: Path) -> None:
    path = tmp_path / "all.pem"
    path.write_text(OWN.key + OWN.certificate)
    assert checked_files(ServerTls(str(path), str(path)), NOW).material == OWN.material()


@pytest.mark.parametrize(
    ("name", "key", "body", "found"),
    [
        ("tls.crt", "certificate", b"", "an empty file"),
        ("tls.crt", "certificate", b"hello", "no certificate"),
        ("tls.crt", "certificate", OWN.certificate.encode()[:300], "half of a file"),
        ("tls.crt", "certificate", b"x" * 1_048_577, "1048577 bytes; at most 1048576 bytes"),
        ("tls.key", "key", OWN.certificate.encode(), "no private key, but CERTIFICATE"),
        ("tls.key", "key", pem_of(new_key(), "sesame").encode(), "an encrypted private key"),
        ("tls.key", "key", pem_of(new_key()).encode(), "does not fit the certificate"),
        ("ca.crt", "client_ca", OWN.certificate.encode(), "none of which is that of an authority"),
        ("ca.crt", "client_ca", b"-----BEGIN", "no certificate"),
    ],
)
def test_each_mistake_is_told_with_its_file(tmp_path: Path, name: str, key: str, body: bytes, found: str) -> None:
    written(tmp_path, OWN, CA)
    (tmp_path / name).write_bytes(body)
    told = faults(tmp_path)
    assert told.keys() == {key}
    assert told[key].startswith(f"{tmp_path / name}: ") and found in told[key]


def test_what_openssl_alone_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that is confined to what FIPS 140 allows."""

    def confined(material: TlsMaterial) -> None:
        raise TlsError("the certificate and its key cannot be used: ee key too small")

    monkeypatch.setattr(pem, "usable", confined)
    written(tmp_path, OWN, CA)
    assert "ee key too small" in faults(tmp_path)["certificate"]
    written(tmp_path, OWN._replace(certificate="none"), CA)
    assert "no certificate" in faults(tmp_path)["certificate"]  # what is known better is told alone
    (fault,) = inspected(ClientTls("/ca.crt"), {"ca": CA.certificate}, NOW).faults
    assert fault.key == "ca"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert faults(tmp_path).keys() == {"certificate", "key", "client_ca"}
    assert "No such file or directory" in faults(tmp_path)["key"]
    (tmp_path / "tls.key").mkdir()
    assert "a directory" in faults(tmp_path)["key"]
    (tmp_path / "tls.crt").write_text(CA.issue(common_name="a", not_after=NOW - DAY, key=new_key(1024)).certificate)
    (tmp_path / "tls.key").rmdir()
    (tmp_path / "tls.key").write_text(OWN.key)
    (tmp_path / "ca.crt").write_text(CA.certificate)
    found = [fault.found for fault in checked_files(section(tmp_path), NOW).faults]
    assert len(found) == 4, "the key does not fit, weak, expired, without a name"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_whose_it_is(tmp_path: Path) -> None:
    written(tmp_path, OWN, CA)
    (tmp_path / "tls.key").chmod(0)
    assert "Permission denied: it is of" in faults(tmp_path)["key"]


FILE = """
listen: 127.0.0.1:9999
versions: {{v1: {{url: "http://h:1"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: v1}}}}
tls: {{certificate: {0}/tls.crt, key: {0}/tls.key}}
"""


def load(folder: Path, running: Settings | None = None) -> Settings:
    return parse(FILE.format(folder), {}, running=running)


def test_a_section_in_force_keeps_what_it_has(tmp_path: Path) -> None:
    written(tmp_path, OWN, CA)
    running = load(tmp_path)
    (tmp_path / "tls.key").unlink()
    assert load(tmp_path, running) == running
    written(tmp_path, CA.issue("dns:new"), CA)
    (tls,) = load(tmp_path, running).listeners_tls
    assert tls is not None and tls.material.names == ("dns:new",)


def filled(settings: Settings, running: Settings | None = None) -> tuple[Settings, list[Problem]]:
    problems: list[Problem] = []
    return fill(Section({}, "", problems), settings, running, NOW), problems


def test_a_section_with_other_files_or_without_any_has_nothing_to_keep(tmp_path: Path) -> None:
    plain = Settings((Address("h", 1),), {}, ())
    wanted = replace(plain, listeners_tls=(section(tmp_path),))
    for running in (plain, wanted, None):
        assert [problem.path for problem in filled(wanted, running)[1]] == [
            "tls.certificate",
            "tls.key",
            "tls.client_ca",
        ]


def test_what_only_expired_stops_nobody_who_serves(tmp_path: Path) -> None:
    """Of what is shown to a server: a shadow's certificate must not stop the start of all."""
    written(tmp_path, CA.issue("dns:a", not_after=NOW - DAY), CA)
    paths = paths_of(section(tmp_path))
    towards = ClientTls(certificate=paths["certificate"], key=paths["key"])
    settings, (problem,) = filled(Settings((Address("h", 1),), {}, (), tls={"v1": towards}))
    assert problem.endless and settings.tls["v1"].material.certificate
    _, (problem,) = filled(Settings((Address("h", 1),), {}, (), listeners_tls=(section(tmp_path),)))
    assert not problem.endless


def test_concerns_are_told_with_their_places(tmp_path: Path) -> None:
    written(tmp_path, CA.issue("dns:a", not_before=NOW - 89 * DAY, not_after=NOW + DAY), CA)
    soon, chain = concerns(load(tmp_path))
    assert soon.startswith("tls.certificate: expires soon, on ") and "the chain may be incomplete: CN=Test CA" in chain


@pytest.mark.parametrize(
    ("url", "tls", "told"),
    [
        ("https://10.0.0.1", "", True),
        ("https://[::1]:8443", ", tls: {min_version: '1.3'}", True),
        ("https://10.0.0.1", ", tls: {server_name: triton}", False),
        ("https://10.0.0.1", ", tls: {san: 'spiffe://prod/triton'}", False),
        ("https://10.0.0.1", ", tls: {insecure_skip_verify: true}", False),
        ("https://triton", "", False),
        ("http://10.0.0.1", "", False),
    ],
)
def test_an_address_is_seldom_in_a_certificate(tmp_path: Path, url: str, tls: str, told: bool) -> None:
    text = FILE.format(tmp_path).replace('"http://h:1"', f'"{url}"{tls}').rpartition("tls: {certificate")[0]
    found = concerns(parse(text, {}))
    assert [each.partition(":")[0] for each in found] == ["versions.v1.url"] * told


WHOLE = {"certificate": OWN.certificate, "key": OWN.key, "client_ca": CA.certificate}
SECTION = ServerTls("c", "k", "a", "require")


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_damaged_bytes_are_used_as_they_are_or_refused_with_a_sentence(key: str, at: int, piece: bytes) -> None:
    text = WHOLE[key].encode()
    damaged = (text[:at] + piece + text[at + len(piece) :]).decode("latin-1")
    checked = inspected(SECTION, {**WHOLE, key: damaged}, NOW)
    assert checked.material or checked.faults
    lines = OWN.key.splitlines()[1:-1]
    assert not any(line in str(fault) for fault in checked.faults for line in lines)


def test_an_issued_is_what_it_says() -> None:
    assert isinstance(OWN, Issued) and inspected(SECTION, WHOLE, NOW).material == OWN.material(CA)
