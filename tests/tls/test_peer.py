"""Names in certificates, and who is let in by them."""

from __future__ import annotations

from ssl import cert_time_to_seconds
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.tls.peer import allows, names, refusal, shown, shuts_out, verify
from proxy.tls.reason import TlsError
from proxy.tls.server import ServerContexts
from tests.support.certificates import Authority, client_tls, server_tls
from tests.support.handshakes import shake

ID = "spiffe://prod/ns/ml/sa/triton"


def certificate(*alternative: tuple[str, str]) -> dict[str, Any]:
    return {"subject": ((("commonName", "dns:admin"),),), "subjectAltName": alternative}


def test_names_are_those_of_a_real_certificate() -> None:
    from proxy.tls.client import client_context

    ca = Authority()
    own = ca.issue("dns:Triton.ML.svc", "ip:10.0.0.1", "ip:::1", ID, common_name="admin")
    contexts = ServerContexts(server_tls(ca.issue("dns:localhost"), client_ca=ca, client="require"))
    shaken = shake(contexts.front, client_context(client_tls(ca, own)))
    found = names(shaken.server.getpeercert())
    assert found[0] == "dns:triton.ml.svc" and found[1] == "ip:10.0.0.1" and found[3] == ID
    assert len(found) == 4


def test_a_common_name_is_no_name_and_what_could_break_a_header_neither() -> None:
    assert names(None) == names({}) == names(certificate()) == ()
    found = names(certificate(("DNS", "a b"), ("email", "a@b"), ("URI", "https://h"), ("DNS", "c\0d")))
    assert found == ("uri:https://h",)


@pytest.mark.parametrize(
    ("name", "allow", "expected"),
    [
        (ID, ID, True),
        (ID, "spiffe://prod/ns/ml/*", True),
        (ID, "spiffe://prod/*", True),
        (ID, "spiffe://prod/ns/m/*", False),
        (ID, "spiffe://prod/ns/ml/sa/triton/*", False),
        (ID, "spiffe://prod/ns/ml/sa", False),
        (ID, "spiffe://pro/*", False),
        ("spiffe://production/ns/ml", "spiffe://prod/*", False),
        ("spiffe://prod.evil/ns/ml", "spiffe://prod/*", False),
        ("spiffe://prod/ns/ml/", "spiffe://prod/ns/ml/*", False),
        ("spiffe://prod/ns/ml/../db", "spiffe://prod/ns/ml/*", False),
        ("spiffe://prod/ns/ml/.", "spiffe://prod/ns/ml/*", False),
        ("spiffe://prod/ns/ml//sa", "spiffe://prod/ns/ml/*", False),
        ("spiffe://prod/ns/ml/a?b", "spiffe://prod/ns/ml/*", False),
        ("spiffe://prod/ns/ml/%2e%2e", "spiffe://prod/ns/ml/*", False),
        ("spiffe://user@prod/ns/ml/a", "spiffe://user@prod/*", False),
        ("dns:a.corp", "dns:a.corp", True),
        ("dns:a.corp", "dns:*.corp", True),
        ("dns:a.b.corp", "dns:*.corp", True),
        ("dns:corp", "dns:*.corp", False),
        ("dns:evilcorp", "dns:*.corp", False),
        ("dns:a.corp.evil", "dns:*.corp", False),
        ("dns:.corp", "dns:*.corp", False),
        ("dns:a.corp", "dns:A.Corp", True),
        ("uri:https://a.corp", "dns:*.corp", False),
        ("ip:10.0.0.1", "dns:10.0.0.1", False),
    ],
)
def test_who_is_allowed(name: str, allow: str, expected: bool) -> None:
    assert allows((name,), (allow,)) is expected
    assert allows((name,), ("dns:someone.else", allow)) is expected


def test_a_certificate_with_two_uris_is_nobody() -> None:
    for other in ("spiffe://prod/ns/ml/sa/other", "uri:https://h"):
        assert not allows((ID, other), (ID,))
    assert allows((ID, "dns:a"), (ID,)) and allows((ID, "spiffe://b/c", "dns:a"), ("dns:a",))


@pytest.mark.parametrize("other", ["spiffe://evil/ x", "spiffe://evil/\0", f"{ID}\r\nx-role: admin", "", "ä"])
def test_nor_is_one_whose_other_uri_cannot_be_read(other: str) -> None:
    held = certificate(("URI", ID), ("URI", other), ("DNS", "a"))
    assert names(held) == ("dns:a",)
    assert refusal(ServerTls("c", "k", client="require", allow=(ID,)), held, 0.0) == "not_allowed"
    with pytest.raises(TlsError):
        verify(ClientTls(san=ID), held)


def test_a_certificate_whose_names_are_no_text_has_none() -> None:
    class Session:
        def getpeercert(self) -> dict[str, Any]:
            return {"subjectAltName": (("DNS", b"\xff".decode()),)}

    held = shown(Session())
    assert held and names(held) == ()
    assert refusal(ServerTls("c", "k", client="require"), held, 0.0) is None
    assert refusal(ServerTls("c", "k", client="require", allow=("dns:a",)), held, 0.0) == "not_allowed"


SEGMENT = st.text("ab.-_", min_size=1, max_size=3).filter(lambda text: text not in (".", ".."))
PATH = st.lists(SEGMENT, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))


@given(PATH, PATH)
def test_what_is_below_a_path_begins_with_all_of_its_segments(path: str, other: str) -> None:
    own, allowed = f"spiffe://d{path}".split("/"), f"spiffe://d{other}".split("/")
    below = len(own) > len(allowed) and own[: len(allowed)] == allowed
    assert allows((f"spiffe://d{path}",), (f"spiffe://d{other}/*",)) is below


@pytest.mark.parametrize(
    ("client", "allow", "held", "expected"),
    [
        ("off", (), None, None),
        ("optional", (ID,), None, None),
        ("optional", (ID,), {}, None),
        ("require", (), None, "no_certificate"),
        ("require", (), certificate(), None),
        ("require", (ID,), certificate(), "not_allowed"),
        ("optional", (ID,), certificate(("DNS", "a")), "not_allowed"),
        ("optional", (ID,), certificate(("URI", ID)), None),
    ],
)
def test_why_a_client_does_not_get_in(client: Any, allow: tuple[str, ...], held: Any, expected: str | None) -> None:
    assert refusal(ServerTls("c", "k", client=client, allow=allow), held, 0.0) == expected


@pytest.mark.parametrize(
    ("san", "held", "fine"),
    [
        ("", (), True),
        (ID, (("URI", ID),), True),
        (ID, (("URI", f"{ID}x"),), False),
        (ID, (("URI", ID), ("URI", "spiffe://a/b")), False),
        (ID, (("DNS", "triton"),), False),
        (ID, (), False),
        ("dns:Triton.svc", (("DNS", "triton.SVC"),), True),
        ("dns:a.svc", (("DNS", "*.svc"),), True),
        ("dns:a.b.svc", (("DNS", "*.svc"),), False),
        ("dns:svc", (("DNS", "*.svc"),), False),
        ("dns:svc", (("DNS", "*."),), False),
    ],
)
def test_a_server_is_held_to_its_name(san: str, held: tuple[tuple[str, str], ...], fine: bool) -> None:
    if fine:
        return verify(ClientTls(san=san), certificate(*held))
    with pytest.raises(TlsError, match="not of") as caught:
        verify(ClientTls(san=san), certificate(*held))
    assert caught.value.reason == "name_mismatch"
    return None


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE"])
def test_an_authority_that_is_gone_shuts_out_under_either_label(label: str) -> None:
    one, other = (f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n" for text in ("b25l", "b3RoZXI="))
    section = ServerTls("c", "k", client="require", material=TlsMaterial(ca=one + other))
    assert shuts_out(section, replace(section, material=TlsMaterial(ca=one)))
    assert not shuts_out(section, replace(section, material=TlsMaterial(ca=other + one)))


def test_who_resumes_a_session_after_the_end_of_its_certificate_does_not_get_in() -> None:
    held = {**certificate(("URI", ID)), "notAfter": "Nov 28 23:23:27 2026 GMT"}
    end = cert_time_to_seconds(held["notAfter"])
    for client in ("require", "optional"):
        section = ServerTls("c", "k", client=client, allow=(ID,))
        assert refusal(section, held, end - 1.0) is None and refusal(section, held, end) == "expired"
