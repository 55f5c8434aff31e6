"""Completions and responses of OpenAI, messages of Anthropic, by FastAPI on uvicorn; a script for the servers venv.

`python fastapi_chat.py FIRST LOG`: the head goes out at once, the first token after FIRST seconds. LOG gets a line of
JSON for each stream: its request id, whether it was a copy, and the Unix time at which its first token was written.

The last message says what happens behind the second token: `raise` ends the stream in the middle, `error` writes an
event of an error, `hang` says nothing for long, `die` kills the server; anything else is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

WORDS = ("The", " cat", " sat", " down", ".")
HANG_SECONDS = 30.0

app = FastAPI()
first = 0.0
log = Path()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v1/models")
async def models() -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "m", "object": "model"}]}


@app.post("/v1/chat/completions")
async def chat(request: Request) -> StreamingResponse:
    return StreamingResponse(completion(request, await told(request)), media_type="text/event-stream")


@app.post("/v1/messages")
async def messages(request: Request) -> StreamingResponse:
    return StreamingResponse(message(request, await told(request)), media_type="text/event-stream")


@app.post("/v1/responses")
async def responses(request: Request) -> StreamingResponse:
    return StreamingResponse(response(request, (await request.json())["input"]), media_type="text/event-stream")


async def told(request: Request) -> str:
    """What the last message says."""
    content: str = (await request.json())["messages"][-1]["content"]
    return content


async def completion(request: Request, do: str) -> AsyncIterator[str]:
    """The events of a chat completion."""
    yield event(chunk({"role": "assistant", "content": ""}))
    async for word in words(request, do):
        yield (
            event({"error": {"message": "out of memory", "type": "server_error"}})
            if word is None
            else event(chunk({"content": word}))
        )
    yield event(chunk({}, "stop"))
    yield "data: [DONE]\n\n"


def chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


async def message(request: Request, do: str) -> AsyncIterator[str]:
    """The events of a message."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    begun = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    yield named({"type": "message_start", "message": begun})
    yield named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    async for word in words(request, do):
        if word is None:
            yield named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            return
        yield named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    yield named({"type": "content_block_stop", "index": 0})
    yield named({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}})
    yield named({"type": "message_stop"})


def note(line: dict[str, Any]) -> None:
    """Adds a line to the log."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


async def response(request: Request, do: str) -> AsyncIterator[str]:
    """The events of a response."""
    whole = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "tools": []}
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    yield named({"type": "response.created", "response": whole | {"status": "in_progress"}})
    async for word in words(request, do):
        if word is None:
            yield named({"type": "error", "code": "server_error", "message": "out of memory", "param": None})
            return
        yield named({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []})
    yield named({"type": "response.completed", "response": whole | {"status": "completed"}})


async def words(request: Request, do: str) -> AsyncIterator[str | None]:
    """The words, the first after its time; None: an error."""
    await asyncio.sleep(first)
    fields = request.headers
    line = {"id": fields["x-request-id"], "copy": "x-penumbra-shadow" in fields, "at": time.time()}
    note(line)
    for place, word in enumerate(WORDS):
        if place == 2 and do == "raise":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if place == 2 and do == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if place == 2 and do == "hang":
            await asyncio.sleep(HANG_SECONDS)
        if place == 2 and do == "error":
            yield None
        yield word
        await asyncio.sleep(0.01)


def event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def named(data: dict[str, Any]) -> str:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


if __name__ == "__main__":
    first, log = float(sys.argv[1]), Path(sys.argv[2])
    uvicorn.run(app, host="127.0.0.1", port=0)
