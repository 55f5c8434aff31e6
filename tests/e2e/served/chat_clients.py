"""Clients of streamed completions, responses and messages, as people have them; a script for the servers venv.

`python chat_clients.py KIND URL PLAN` with PLAN a JSON object: the messages `does` are asked, one request each,
`threads` at a time; the client leaves after the first token where the message begins with `leave`. Prints a JSON list
with an object for each: the request's `id`, its message `do`, `ended` (how it ended for this client: whole, error, cut,
left, or a status), and `first`, the seconds from its begin to its first token, or null.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Thread
from typing import Any

PATIENCE = 60.0
PATH = "/v1/chat/completions"


class ErrorEvent(Exception):
    """An event of the stream is an error."""


class Watch:
    """One request, as its client sees it. `fields`: the header fields that tell its id."""

    def __init__(self, ident: str, do: str) -> None:
        self.ident, self.do = ident, do
        self.fields = {"x-request-id": ident}
        self.body = {"model": "m", "stream": True, "max_tokens": 10, "messages": [{"role": "user", "content": do}]}
        self.began = 0.0
        self.first: float | None = None
        self.left = False

    def begin(self) -> None:
        """The request goes out now."""
        self.began = time.monotonic()

    def saw(self, token: bool) -> bool:
        """An event has come, a token or not; whether to leave now."""
        if token and self.first is None:
            self.first = time.monotonic() - self.began
            self.left = self.do.startswith("leave")
        return self.left

    def saw_line(self, line: str) -> bool:
        """As `saw`, of a line of a stream. Raises ErrorEvent."""
        if not line.startswith("data: {"):
            return False
        data = json.loads(line.removeprefix("data: "))
        if "error" in data:
            raise ErrorEvent(data["error"])
        return self.saw(bool(data["choices"] and data["choices"][0]["delta"].get("content")))


Ask = Callable[[Watch], None]
CURRENT: ContextVar[Watch] = ContextVar("CURRENT")


def begins(_: object) -> None:
    """The libraries' hook of a request that is about to be written: what they do before is no matter of the answer."""
    CURRENT.get().begin()


async def begins_async(request: object) -> None:
    begins(request)


LIBRARY: dict[str, Any] = {"api_key": "none", "max_retries": 0, "timeout": PATIENCE}
HOOK: dict[str, Any] = {"event_hooks": {"request": [begins]}}


def with_openai(url: str) -> Ask:
    """OpenAI's library; it closes at `[DONE]`."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", http_client=openai.DefaultHttpxClient(**HOOK), **LIBRARY)

    def ask(watch: Watch) -> None:
        with client.chat.completions.create(**watch.body, extra_headers=watch.fields) as stream:
            for chunk in stream:
                if watch.saw(bool(chunk.choices and chunk.choices[0].delta.content)):
                    return

    return ask


def with_openai_responses(url: str) -> Ask:
    """OpenAI's library, of responses."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", http_client=openai.DefaultHttpxClient(**HOOK), **LIBRARY)

    def ask(watch: Watch) -> None:
        with client.responses.create(model="m", input=watch.do, stream=True, extra_headers=watch.fields) as stream:
            for event in stream:
                if event.type == "error":
                    raise ErrorEvent(event.message)
                if watch.saw(event.type == "response.output_text.delta"):
                    return

    return ask


def with_openai_async(url: str) -> Ask:
    """OpenAI's library for asyncio."""
    import openai

    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [begins_async]})
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", http_client=http, **LIBRARY)

    async def ask(watch: Watch) -> None:
        async with await client.chat.completions.create(**watch.body, extra_headers=watch.fields) as stream:
            async for chunk in stream:
                if watch.saw(bool(chunk.choices and chunk.choices[0].delta.content)):
                    return

    return in_a_loop(ask)


def in_a_loop(ask: Callable[[Watch], Coroutine[Any, Any, None]]) -> Ask:
    """An asyncio client, for threads: all share one loop, as in a service."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    return lambda watch: asyncio.run_coroutine_threadsafe(ask(watch), loop).result(PATIENCE)


def with_anthropic(url: str) -> Ask:
    """Anthropic's library, of messages."""
    import anthropic

    client = anthropic.Anthropic(base_url=url, http_client=anthropic.DefaultHttpxClient(**HOOK), **LIBRARY)

    def ask(watch: Watch) -> None:
        with client.messages.create(**watch.body, extra_headers=watch.fields) as stream:
            for event in stream:
                if watch.saw(event.type == "content_block_delta"):
                    return

    return ask


def with_httpx(url: str) -> Ask:
    """`Connection: close`, and read to the end of the connection."""
    import httpx

    client = httpx.Client(headers={"Connection": "close"}, timeout=PATIENCE, trust_env=False, **HOOK)

    def ask(watch: Watch) -> None:
        with client.stream("POST", url + PATH, json=watch.body, headers=watch.fields) as response:
            for line in response.raise_for_status().iter_lines():
                if watch.saw_line(line):
                    return

    return ask


def with_aiohttp(url: str) -> Ask:
    """A client written by hand, which closes its connection at `[DONE]`."""
    import aiohttp

    async def ask(watch: Watch) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE), raise_for_status=True) as session:
            watch.begin()
            async with session.post(url + PATH, json=watch.body, headers=watch.fields) as response:
                async for line in response.content:
                    if line.startswith(b"data: [DONE]") or watch.saw_line(line.decode()):
                        response.close()
                        return

    return in_a_loop(ask)


CLIENTS: dict[str, Callable[[str], Ask]] = {
    "openai": with_openai,
    "openai-async": with_openai_async,
    "openai-responses": with_openai_responses,
    "anthropic": with_anthropic,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
}


CUT = (
    *("openai.APIConnectionError", "anthropic.APIConnectionError", "aiohttp.ClientError"),
    *("httpx.TransportError", "httpx2.TransportError"),  # Anthropic's library raises what its transport does
)


def of(*names: str) -> tuple[Any, ...]:
    """Exceptions of libraries, by name. Each library takes a second to load, so only the one that asks is; no other
    raises anything."""
    found = [(sys.modules.get(name.partition(".")[0]), name.partition(".")[2]) for name in names]
    return tuple(getattr(module, name) for module, name in found if module is not None)


def ended(ask: Ask, watch: Watch) -> str:
    """How a request ended for its client."""
    CURRENT.set(watch)
    try:
        ask(watch)
    except of("openai.APIStatusError", "anthropic.APIStatusError") as problem:
        return str(problem.status_code) if watch.first is None else "error"
    except of("httpx.HTTPStatusError") as problem:
        return str(problem.response.status_code)
    except of("aiohttp.ClientResponseError") as problem:
        return str(problem.status)
    except of(*CUT):
        return "cut"
    except (*of("openai.APIError", "anthropic.APIError"), ErrorEvent):
        return "error"
    return "left" if watch.left else "whole"


def main() -> None:
    kind, url, text = sys.argv[1:]
    plan = json.loads(text)
    ask = CLIENTS[kind](url)

    def one(watch: Watch) -> dict[str, Any]:
        how = ended(ask, watch)
        return {"id": watch.ident, "do": watch.do, "ended": how, "first": watch.first}

    with ThreadPoolExecutor(plan["threads"]) as threads:
        watches = [Watch(f"{plan['name']}-{number}", do) for number, do in enumerate(plan["does"])]
        print(json.dumps(list(threads.map(one, watches))))


if __name__ == "__main__":
    main()
