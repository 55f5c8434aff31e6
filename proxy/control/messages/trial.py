"""A message to each destination by hand: whether it arrives, and what the receiver says."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.messages import FORMATS
from proxy.contracts.operation import Hook
from proxy.control.messages.attempt import attempt, session
from proxy.control.messages.message import Message
from proxy.control.messages.retries import delivered
from proxy.control.messages.secrets import shown
from proxy.tls.calls import CallContext

WORDS = "This is a test of a destination of Penumbra. Nothing is wrong, and nothing is to be done."


class Tried(Struct, frozen=True):
    """What came of a message to one destination."""

    name: str
    format: str
    url: str
    """Without what may be secret in it."""
    delivered: bool
    said: str


def name_of(hook: Hook, index: int) -> str:
    """What a destination is called: as configured, or by its format and its place in the list, from 0."""
    return hook.name or f"{hook.format}-{index + 1}"


def message_for(hook: Hook, base: str, now: float) -> Message:
    """A message of which nobody is woken: of the least severity. Receivers that open something close it again."""
    return Message(
        key="test",
        event="change",
        state="firing" if FORMATS[hook.format].tracks else "told",
        severity="info",
        title="Penumbra: a test message",
        text=WORDS,
        at=now,
        since=now,
        section="event-test",
        base=base.rstrip("/"),
    )


async def tried(hooks: Iterable[tuple[str, Hook]], base: str, instance: str, now: float) -> list[Tried]:
    """Sends one to each, one after the other, once."""
    found = []
    async with session() as client:
        for name, hook in hooks:
            secured = CallContext(f"notify ({name})", hook.tls) if hook.tls else None
            message = message_for(hook, base, now)
            answer = await attempt(client, hook, secured, message, instance, now)
            if message.state == "firing" and delivered(answer.status):
                await attempt(client, hook, secured, replace(message, state="resolved"), instance, now)
            url = shown(hook.url)
            found.append(Tried(name, hook.format, url, delivered(answer.status), answer.said))
    return found
