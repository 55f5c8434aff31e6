"""Contexts for libraries: in the handshake alone a server is held to all that a section says."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.tls import ClientTls, TlsMaterial
from proxy.tls.calls import CallContext, call_context
from proxy.tls.reason import TlsError, reason_of
from proxy.tls.server import server_context
from tests.support.certificates import Authority, client_tls, server_tls
from tests.support.handshakes import shake

CA = Authority()
SERVER = server_context(server_tls(CA.issue("dns:localhost", "dns:store", "spiffe://prod/store")))

CASES: list[tuple[dict[str, Any], str, str | None]] = [
    ({"ca": CA}, "localhost", None),
    ({"ca": CA}, "other", "name_mismatch"),
    ({"ca": CA, "server_name": "store"}, "other", None),
    ({"ca": CA, "server_name": "other"}, "localhost", "name_mismatch"),
    ({"ca": CA, "san": "spiffe://prod/store"}, "other", None),
    ({"ca": CA, "san": "dns:store"}, "other", None),
    ({"ca": CA, "san": "spiffe://prod/another"}, "localhost", "name_mismatch"),
    ({"ca": Authority("other"), "san": "spiffe://prod/store"}, "localhost", "untrusted"),
    ({"insecure_skip_verify": True}, "other", None),
]


@pytest.mark.parametrize(("given", "name", "reason"), CASES)
def test_a_handshake_of_an_event_loop(given: dict[str, Any], name: str, reason: str | None) -> None:
    try:
        shake(SERVER, call_context(client_tls(**given)), name)
    except ssl.SSLError as error:
        assert reason_of(error) == reason
    else:
        assert reason is None


@pytest.mark.parametrize(("given", "name", "reason"), CASES)
def test_a_handshake_of_a_blocking_library(given: dict[str, Any], name: str, reason: str | None) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=serve, args=(theirs,))
        thread.start()
        try:
            with call_context(client_tls(**given)).wrap_socket(ours, server_hostname=name) as connection:
                assert connection.recv(1) == b"x"
        except ssl.SSLError as error:
            assert reason_of(error) == reason
        else:
            assert reason is None
        ours.close()
        thread.join()


def serve(connection: socket.socket) -> None:
    """A server that says one byte."""
    try:
        with SERVER.wrap_socket(connection, server_side=True) as secured:
            secured.sendall(b"x")
    except OSError:
        pass  # the client was not content


def test_the_name_that_is_asked_for_is_the_configured_one() -> None:
    asked: list[str | None] = []
    server = server_context(server_tls(CA.issue("dns:store")))
    server.sni_callback = lambda session, name, context: asked.append(name)
    shake(server, call_context(client_tls(CA, server_name="store")), "127.0.0.1")
    assert asked == ["store"]


def test_another_material_makes_another_context_and_the_same_does_not() -> None:
    first, second = client_tls(CA), client_tls(Authority("next"))
    calls = CallContext("fleet.tls", first)
    before = calls.get()
    assert not calls.use(replace(first))
    assert calls.get() is before
    assert calls.use(second)
    assert calls.get() is not before
    with pytest.raises(ssl.SSLError):
        shake(SERVER, calls.get())


def test_material_that_makes_no_context_leaves_that_in_force(caplog: pytest.LogCaptureFixture) -> None:
    broken = ClientTls("ca.crt", material=TlsMaterial(ca="no PEM"))
    calls = CallContext("fleet.tls", client_tls(CA))
    before = calls.get()
    assert not calls.use(broken)
    assert calls.get() is before
    assert "fleet.tls: TLS cannot be set up, what was in force stays" in caplog.text
    with pytest.raises(TlsError):
        CallContext("fleet.tls", broken).get()
