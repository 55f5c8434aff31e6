"""TLS over bytes: nothing is lost or invented, however it is cut."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dataplane.secured.engine import MAX_RECORDS, RECORD, TlsEngine
from proxy.tls.server import server_context
from tests.support.tls_peer import TlsPeer, server, trusting

CONTEXT = server_context(server())


def shaken() -> tuple[TlsEngine, TlsPeer]:
    engine, peer = TlsEngine(CONTEXT), TlsPeer()
    complete, data = False, peer.hear(b"")
    while not complete:
        complete = engine.shake(data)
        data = peer.hear(engine.take())
    return engine, peer


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(min_size=1, max_size=3 * RECORD), max_size=4), st.integers(1, 40_000))
def test_what_goes_in_comes_out(texts: list[bytes], cut: int) -> None:
    engine, peer = shaken()
    assert peer.hear(b"".join(map(engine.write, texts))) == b"" and peer.heard == b"".join(texts)
    said, got = b"".join(map(peer.say, texts)), b""
    for at in range(0, len(said), cut):
        engine.feed(said[at : at + cut])
        got += engine.read()
    assert got == b"".join(texts) and not engine.has_more()


def test_tickets_go_with_the_first_words_and_are_no_write_of_their_own() -> None:
    """They were made before it: records that came in another order could not be read."""
    engine, peer = shaken()
    assert peer.session.session is None or not peer.session.session.has_ticket
    peer.hear(engine.write(b"first"))
    assert peer.heard == b"first" and peer.session.session.has_ticket
    engine, peer = shaken()
    peer.hear(engine.end())
    assert peer.ended


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_the_client_waits_for_is_sent_at_once(version: ssl.TLSVersion) -> None:
    """The server's last words of TLS 1.2 are those that end the handshake."""
    context = trusting()
    context.maximum_version = version
    engine, peer = TlsEngine(CONTEXT), TlsPeer(context)
    data = peer.hear(b"")
    while data:
        engine.shake(data)
        data = peer.hear(engine.take())
    assert peer.say(b"asked")


def test_the_last_words_and_goodbye_are_one_write_and_goodbye_is_said_once() -> None:
    engine, peer = shaken()
    peer.hear(engine.write_last(b"last"))
    assert peer.heard == b"last" and peer.ended and engine.end() == b""


def test_one_read_is_so_many_records() -> None:
    engine, peer = shaken()
    engine.feed(b"".join(peer.say(b"x") for _ in range(MAX_RECORDS + 1)))
    assert engine.read() == b"x" * MAX_RECORDS and engine.has_more()
    assert engine.read() == b"x" and not engine.has_more()


def test_both_say_goodbye() -> None:
    engine, peer = shaken()
    peer.hear(engine.end())
    assert peer.ended
    engine, peer = shaken()
    engine.feed(peer.say(b"last") + peer.goodbye())
    assert engine.read() == b"last" and engine.ended and not engine.has_more()


def test_an_end_before_the_handshake_is_none() -> None:
    assert TlsEngine(CONTEXT).end() == b""
