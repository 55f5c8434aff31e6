"""One call of the admin API: its answer, or the end of the command with a sentence and an exit code."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer

from proxy.cli import client
from proxy.cli.access import Access
from proxy.cli.client import ask
from proxy.cli.exit_codes import EXIT_NO, EXIT_UNREACHABLE
from proxy.cli.top.live import once
from proxy.contracts.tls import ServerTls
from tests.control.api.test_secured import Api, play
from tests.support.certificates import Authority, server_tls, written

Call = tuple[str, str, str, object]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Calls that would have been made; each is answered by 200 and its own URL."""
    made: list[Call] = []

    async def answer(url: str, access: Access, context: object, method: str, body: object) -> tuple[int, Any]:
        assert context is None
        made.append((url, access.token, method, body))
        return 200, url

    monkeypatch.setattr(client, "_ask", answer)
    return made


@pytest.mark.parametrize("admin", ["h:1", "http://h:1", "http://h:1/"])
def test_an_address_with_and_without_a_scheme(calls: list[Call], admin: str) -> None:
    assert ask(Access(admin, "secret"), "PUT", "/v1/x", {"a": 1}) == "http://h:1/v1/x"
    assert calls == [("http://h:1/v1/x", "secret", "PUT", {"a": 1})]


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (409, {"title": "Refused", "detail": "no such phase"}, "Refused: no such phase"),
        (500, {}, "Refused with status 500: "),
        (502, None, "refused with status 502"),
    ],
)
def test_a_refusal_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, answer: Any, sentence: str
) -> None:
    async def refuse(*call: object) -> tuple[int, Any]:
        return status, answer

    monkeypatch.setattr(client, "_ask", refuse)
    with pytest.raises(typer.Exit) as caught:
        ask(Access("h:1"), "GET", "/v1/x")
    assert (caught.value.exit_code, capsys.readouterr().err) == (EXIT_NO, f"{sentence}\n")


@pytest.mark.parametrize("error", [aiohttp.ClientConnectionError("gone"), TimeoutError(), ValueError("no JSON")])
def test_an_api_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    async def fail(*call: object) -> tuple[int, Any]:
        raise error

    monkeypatch.setattr(client, "_ask", fail)
    with pytest.raises(typer.Exit) as caught:
        ask(Access("h:1"), "GET", "/v1/x")
    sentence = capsys.readouterr().err
    assert caught.value.exit_code == EXIT_UNREACHABLE
    assert sentence.startswith("the admin API at http://h:1 cannot be reached (--admin says where it is): ")
    assert sentence.endswith(f"{error}\n" if str(error) else "TimeoutError\n")


@pytest.mark.parametrize(
    ("status", "media", "body", "said"),
    [
        (
            200,
            "text/html",
            "<!doctype html>\n<title>Grafana</title>",
            "status 200, <!doctype html> <title>Grafana</title>",
        ),
        (404, "application/json", '{"detail": "Not Found"}', 'status 404, {"detail": "Not Found"}'),
        (302, "text/plain", "", "status 302, without content"),
        (200, "application/json", "nothing", "status 200, nothing"),
    ],
)
@pytest.mark.parametrize("command", ["ask", "top"])
def test_an_address_at_which_somebody_else_answers_is_named_with_what_it_sent(
    capsys: pytest.CaptureFixture[str], status: int, media: str, body: str, said: str, command: str
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def scene() -> None:
        async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write((head + body).encode())
            writer.close()

        async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
            there = Access(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            call = (ask, there, "GET", "/v1/routes") if command == "ask" else (once, there, "", 80)
            with pytest.raises(typer.Exit) as caught:
                await asyncio.to_thread(*call)
            assert caught.value.exit_code == EXIT_UNREACHABLE
            sentence = f"{there.base} answers, but not as Penumbra's admin API (--admin says where it is): {said}\n"
            assert capsys.readouterr().err == sentence

    asyncio.run(scene())


CA, OTHER = Authority(), Authority("another")
SERVER = CA.issue("ip:127.0.0.1", "dns:localhost", "spiffe://prod/penumbra")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`ops`, `guest`, `foreign`: certificates that are let in, are not allowed, are of another authority."""
    written(tmp_path / "ops", CA.issue("spiffe://prod/ops"), CA)
    written(tmp_path / "guest", CA.issue("dns:guest"), CA)
    written(tmp_path / "foreign", OTHER.issue("spiffe://prod/ops"), OTHER)
    return tmp_path


def access(folder: Path, own: str = "", ca: str = "ops", name: str = "", scheme: str = "https") -> Access:
    """Access to the port that a test puts in."""
    pair = (str(folder / own / "tls.crt"), str(folder / own / "tls.key")) if own else ("", "")
    return Access(f"{scheme}://localhost:PORT", "", str(folder / ca / "ca.crt") if ca else "", *pair, name)


def asked(given: Access, tls: ServerTls | None = None) -> Any:
    """What `ask` answers, of an API that lets in `ops` alone."""
    mutual = server_tls(SERVER, client_ca=CA, client="require", allow=("spiffe://prod/ops",))

    async def story(api: Api) -> None:
        there = given._replace(admin=given.admin.replace("PORT", str(api.port)))
        answers.append(await asyncio.to_thread(ask, there, "GET", "/v1/routes"))

    answers: list[Any] = []
    play(tls or mutual, story)
    return answers[0]


@pytest.mark.parametrize("name", ["", "localhost", "spiffe://prod/penumbra"])
def test_a_call_by_tls(folder: Path, name: str) -> None:
    assert asked(access(folder, "ops", name=name))["routes"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"own": "ops", "ca": ""}, "of no authority that is trusted here"),
        ({"own": "ops", "ca": "foreign"}, "of no authority that is trusted here"),
        ({"own": "ops", "name": "elsewhere.corp"}, "of another name (Hostname mismatch"),
        ({"own": "ops", "name": "spiffe://prod/other"}, "not of spiffe://prod/other"),
        ({}, "it asks for a certificate: --cert and --key"),
        ({"own": "foreign", "ca": "ops"}, "it does not trust the certificate of --cert"),
        ({"own": "guest"}, "it may not let in the certificate of --cert"),
    ],
)
def test_why_there_is_no_tls_is_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(typer.Exit) as caught:
        asked(access(folder, **given))
    assert (caught.value.exit_code, sentence in capsys.readouterr().err) == (EXIT_UNREACHABLE, True)


def test_http_on_a_port_of_tls_and_the_reverse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        asked(access(folder, ca="", scheme="http"))
    assert "this port speaks TLS: ask by https" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        answering = threading.Thread(target=answer_in_clear, args=(plain,))
        answering.start()
        with pytest.raises(typer.Exit):
            ask(access(folder)._replace(admin=f"https://127.0.0.1:{port}"), "GET", "/v1/routes")
        answering.join()
    assert "it speaks no TLS: ask by http://" in capsys.readouterr().err


def answer_in_clear(listening: socket.socket) -> None:
    """What a port of HTTP says to a handshake."""
    client, _ = listening.accept()
    client.recv(4096)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    client.close()
