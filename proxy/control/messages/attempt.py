"""One call of a destination."""

from __future__ import annotations

import asyncio
import hmac
from hashlib import sha256

import aiohttp
from msgspec import Struct

from proxy import __version__
from proxy.contracts.bounds import MAX_SENTENCE, clipped, writable
from proxy.contracts.messages import BY_FILE, FORMATS, FormatRow
from proxy.contracts.operation import Hook
from proxy.control.messages.formats.call import Around
from proxy.control.messages.formats.table import WRITE
from proxy.control.messages.message import Message
from proxy.control.messages.retries import delivered, retry_after
from proxy.control.messages.secrets import SecretError, secret_of, without
from proxy.tls.calls import CallContext
from proxy.tls.reason import TlsError, told

ATTEMPT_SECONDS = 10.0
"""Seconds for one attempt."""
MAX_ANSWER_BYTES = 2048
"""Bytes of a refusal that are read: for people."""
NO_WEB = "no URL of http or https stands there"


class Answered(Struct, frozen=True):
    """What came of an attempt."""

    status: int
    """0: there was no answer."""
    said: str
    after: float | None = None
    """Seconds for which the receiver wants to be left alone."""


def signature(body: bytes, secret: str, now: float) -> str:
    """The value of `X-Penumbra-Signature`: t=<unix>,v1=<HMAC-SHA-256 of "<unix>.<body>">."""
    signed = f"{int(now)}.".encode() + body
    return f"t={int(now)},v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}"


def session() -> aiohttp.ClientSession:
    """A session for attempts."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS), auto_decompress=False)


async def attempt(
    client: aiohttp.ClientSession, hook: Hook, secured: CallContext | None, message: Message, instance: str, now: float
) -> Answered:
    """Sends a message once. Nothing that it says has a secret of the hook in it."""
    secrets = [hook.url, hook.token, hook.key, hook.secret]
    try:
        url, token, key = [await _value(each) for each in (hook.url, hook.token, hook.key)]
        secrets += [url, token, key]
        if not url.lower().startswith(("http://", "https://")):
            return Answered(0, NO_WEB)
        call = WRITE[hook.format](message, Around(key, hook.object, instance, now))
        fields = {"Content-Type": call.media, "User-Agent": f"penumbra/{__version__}", **call.fields}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        if hook.secret:
            fields["X-Penumbra-Signature"] = signature(call.body, hook.secret, now)
        context = secured.get() if secured else True
        async with client.post(
            _whole(url, call.path), data=call.body, headers=fields, allow_redirects=False, ssl=context
        ) as answer:
            after = retry_after(answer.headers.get("Retry-After"), now)
            said = "" if delivered(answer.status) else await _words(answer)
            return Answered(answer.status, _safe(f"status {answer.status}{said}", secrets), after)
    except SecretError as error:
        return Answered(0, str(error))
    except (aiohttp.ClientError, TlsError, TimeoutError, OSError, ValueError) as error:
        return Answered(0, _safe(told(error), secrets))


async def _value(text: str) -> str:
    return await asyncio.to_thread(secret_of, text) if text.startswith(BY_FILE) else text


def _whole(url: str, path: str) -> str:
    return url if url.rstrip("/").endswith(path) else url.rstrip("/") + path


async def _words(answer: aiohttp.ClientResponse) -> str:
    body = await answer.content.read(MAX_ANSWER_BYTES)
    said = " ".join(writable(body.decode(errors="replace")).split())
    return f": {said}" if said.isprintable() and said else ""


def _safe(text: str, secrets: list[str]) -> str:
    return clipped(without(text, *secrets), MAX_SENTENCE)


def takes(hook: Hook, message: Message) -> bool:
    """Whether a message is for a destination, by what the configuration says."""
    if message.event not in _events(hook) or not _severe(hook, message):
        return False
    row = FORMATS[hook.format]
    return _is_news(row, message) and (not hook.routes or _concerns(hook, message))


def _is_news(row: FormatRow, message: Message) -> bool:
    """Whether a receiver of a format has a use for it: one trigger a matter, where it keeps what it was told."""
    if not row.tracks:
        return not message.again and (row.every or not message.joins)
    return message.state != "told" and (row.forgets or message.state != "firing" or not message.again)


def _events(hook: Hook) -> tuple[str, ...]:
    every = ("start", "stage", "breach", "rollback", "promote", "identity", "change")
    return hook.events or (every if hook.format == "penumbra" else (*every, "warning"))


def _severe(hook: Hook, message: Message) -> bool:
    order = ("info", "warning", "critical")
    return order.index(message.severity) >= order.index(hook.severity)


def _concerns(hook: Hook, message: Message) -> bool:
    return not message.routes or bool({*hook.routes} & {*message.routes})
