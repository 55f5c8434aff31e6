"""docs/models.md, carried out: two models of one OpenAI-compatible server, a hosted API, credentials that rotate."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.chaos import Servers
from tests.support.running import Running, call, eventually
from tests.support.scripted import Request, Script, Served, answer

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
FILES = [block for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "listen" in block]
JSON, SSE = "Content-Type: application/json\r\n", "Content-Type: text/event-stream\r\n"
CLIENT = {"Authorization": "Bearer client-s3cret"}


class ChatServer:
    """An OpenAI-compatible server that has several models; `broken` ones answer 500. `asked`: bodies by model."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.asked: list[tuple[str, dict[str, Any], Request]] = []

    @property
    def script(self) -> Script:
        async def script(served: Served, request: Request) -> bool:
            body = json.loads(request.body)
            self.asked.append((body["model"], body, request))
            served.writer.write(self._answer(body))
            return True

        return script

    def _answer(self, body: dict[str, Any]) -> bytes:
        model = body["model"]
        if model in self.broken:
            return answer(b'{"error": "broken"}', "500 Internal Server Error", fields=JSON)
        if body.get("stream"):
            chunk = {"model": model, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
            return answer(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n", fields=SSE)
        said = {"model": model, "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}]}
        return answer(json.dumps(said).encode(), fields=JSON)

    def models(self) -> Counter[str]:
        return Counter(model for model, _, _ in self.asked)


def configured(folder: Path, text: str, *urls: str) -> Path:
    """The page's file on ports of the kernel's choice, with the addresses of its servers."""
    text = re.sub(r"127\.0\.0\.1:(8080|9900)", "127.0.0.1:0", text) + f"state: {folder}/state.db\n"
    for number, url in enumerate(urls):
        text = text.replace(f"http://127.0.0.1:800{number}", url)
    path = folder / "penumbra.yaml"
    path.write_text(text)
    return path


def ask(running: Running, **more: Any) -> Any:
    body = {"model": "llama", "seed": 12345678901234567890, "messages": []} | more
    return call(running.data, "POST", "/v1/chat/completions", body, CLIENT)


def test_two_models_of_one_server_and_a_hosted_one_are_canary_shadow_and_rolled_back(tmp_path: Path) -> None:
    chat, hosted = ChatServer(), ChatServer()
    with Servers({"chat": chat.script, "hosted": hosted.script}) as servers:
        config = configured(tmp_path, FILES[1], servers.url("chat"), servers.url("hosted"))
        with Running(config) as running:
            answers = [ask(running, stream=bool(number % 2)) for number in range(40)]
            assert {a.version for a in answers} == {"llama", "llama-ft"}
            assert all(a.status == 200 and b'"model": "llama"' in a.body and b"-ft" not in a.body for a in answers)
            eventually(lambda: len(hosted.asked) == 40, "copies")
            assert chat.models().keys() == {"llama", "llama-ft"} and hosted.models() == {"large-1": 40}
            for _, body, request in hosted.asked:
                assert body["temperature"] == 0 and body["seed"] == 12345678901234567890
                assert request.field("api-key") == "made-up" and b"client-s3cret" not in request.raw
            assert {r.field("authorization") for _, _, r in chat.asked} == {"Bearer client-s3cret"}
            chat.broken = {"llama-ft"}
            eventually(lambda: ask(running) and running.route("chat")["phase"] == "rolled_back", "a rollback")
            assert {ask(running).version for _ in range(10)} == {"llama"}
            shown = b"".join(
                call(running.admin, "GET", path).body for path in ("/v1/routes/chat", "/v1/audit", "/metrics")
            )
            assert b"made-up" not in shown and b"llama-ft" in shown
        assert "made-up" not in json.dumps(running.log)


def test_a_credential_that_rotates_is_heard_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    chat = ChatServer()
    for name, token in (("one", "s3cret-1"), ("two", "s3cret-2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(f"{token}\n")
    (tmp_path / "..data").symlink_to("one")
    with Servers({"chat": chat.script}) as servers:
        config = tmp_path / "penumbra.yaml"
        config.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\n"
            f"versions: {{a: {{url: {servers.url('chat')}, authorization: {{file: {tmp_path}/..data/token}}}}}}\n"
            "routes: {r: {match: {path: /}, protocol: openai, primary: a}}\n"
        )

        def sent(running: Running) -> str:
            assert ask(running).status == 200
            return str(chat.asked[-1][2].field("authorization"))

        with Running(config) as running:
            assert sent(running) == "Bearer s3cret-1"
            (tmp_path / "..new").symlink_to("two")
            os.replace(tmp_path / "..new", tmp_path / "..data")  # as the kubelet does
            eventually(lambda: sent(running) == "Bearer s3cret-2", "the second token")
            (tmp_path / "two" / "token").write_text("")
            failed = b"penumbra_config_reload_failed 1.0"
            eventually(lambda: failed in call(running.admin, "GET", "/metrics").body, "a complaint")
            assert sent(running) == "Bearer s3cret-2"
            (tmp_path / "two" / "token").write_text("s3cret-3")
            eventually(lambda: sent(running) == "Bearer s3cret-3", "the third token")
        assert "s3cret" not in json.dumps(running.log)


def test_every_file_of_the_page_is_right(tmp_path: Path) -> None:
    from proxy.config.load import parse

    assert FILES
    rewriting = [text for text in FILES if parse(text, {}).rewrites]
    assert len(rewriting) == sum("rewrite" in text for text in FILES) > 0
