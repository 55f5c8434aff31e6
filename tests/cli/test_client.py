"""One call of the admin API: its answer, or the end of the command with a sentence and an exit code."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
import typer

from proxy.cli import client
from proxy.cli.client import ask
from proxy.cli.exit_codes import EXIT_NO, EXIT_UNREACHABLE

Call = tuple[str, str, str, object]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Calls that would have been made; each is answered by 200 and its own URL."""
    made: list[Call] = []

    async def answer(url: str, token: str, method: str, body: object) -> tuple[int, Any]:
        made.append((url, token, method, body))
        return 200, url

    monkeypatch.setattr(client, "_ask", answer)
    return made


@pytest.mark.parametrize("admin", ["h:1", "http://h:1", "http://h:1/"])
def test_an_address_with_and_without_a_scheme(calls: list[Call], admin: str) -> None:
    assert ask(admin, "secret", "PUT", "/v1/x", {"a": 1}) == "http://h:1/v1/x"
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
        ask("h:1", "", "GET", "/v1/x")
    assert (caught.value.exit_code, capsys.readouterr().err) == (EXIT_NO, f"{sentence}\n")


@pytest.mark.parametrize("error", [aiohttp.ClientConnectionError("gone"), TimeoutError(), ValueError("no JSON")])
def test_an_api_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    async def fail(*call: object) -> tuple[int, Any]:
        raise error

    monkeypatch.setattr(client, "_ask", fail)
    with pytest.raises(typer.Exit) as caught:
        ask("h:1", "", "GET", "/v1/x")
    sentence = capsys.readouterr().err
    assert caught.value.exit_code == EXIT_UNREACHABLE
    assert sentence.startswith("the admin API at http://h:1 cannot be reached (--admin says where it is): ")
    assert sentence.endswith(f"{error}\n" if str(error) else "TimeoutError\n")
