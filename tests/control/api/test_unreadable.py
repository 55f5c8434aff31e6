"""What is no request is named in one line, and answered; nothing that a client sends is logged with stacks."""

from __future__ import annotations

import json
import logging

import pytest

from proxy.contracts.failure import FAILURES
from proxy.contracts.prefaces import PREFACES
from proxy.control.api.context import ApiContext
from proxy.control.api.unreadable import AGAIN_SECONDS, UnreadableRequests
from tests.control.api.test_listener import HEALTH, asked, play


@pytest.mark.parametrize(("preface", "reason", "detail"), PREFACES)
def test_another_protocol_is_named(preface: bytes, reason: str, detail: str, caplog: pytest.LogCaptureFixture) -> None:
    head, _, body = UnreadableRequests().answer(preface + b"\x03\x01", 0.0).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % FAILURES[reason].status)
    assert json.loads(body)["detail"] == detail
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert detail in caplog.text


@pytest.mark.parametrize("first", [HEALTH, b"POST / HTTP/1.1\r\n", b"P", b""])
def test_a_request_is_let_pass(first: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert UnreadableRequests().answer(first, 0.0) == b""
    assert not caplog.records


def test_the_same_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    unreadable = UnreadableRequests()
    for now in (5.0, 6.0, 5.0 + AGAIN_SECONDS):
        assert unreadable.answer(b"PRI * HTTP/2.0", now)
    assert len(caplog.records) == 2


SENT = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b" 400 ", "TLS handshake", id="tls"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", b" 505 ", "preface of HTTP/2", id="h2"),
    pytest.param(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + HEALTH, b" 400 ", "PROXY protocol", id="proxy"),
    pytest.param(b"GET / HTTP/9.9\r\n\r\n", b" 400 ", "Bad status line", id="version"),
    pytest.param(b"GET /\xff\r\n\r\n", b" 400 ", "Invalid char in url path", id="path"),
    pytest.param(b"nonsense\r\n\r\n", b" 400 ", "", id="method"),  # aiohttp tells it to debuggers alone
]


@pytest.mark.parametrize(("sent", "status", "said"), SENT)
def test_on_a_socket_too_and_health_answers_after_it(
    sent: bytes, status: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(port: int, context: ApiContext) -> None:
        assert status in (await asked(port, sent))[:20]
        assert (await asked(port, HEALTH)).startswith(b"HTTP/1.1 200 ")

    with caplog.at_level(logging.INFO):
        play(story)
    assert said in caplog.text
    assert not any(record.exc_info for record in caplog.records)
