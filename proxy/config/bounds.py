"""Times and bounds: how long each part of an exchange may take, how much there may be, when another version answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.table import FirstByte, Limits, Protocol, Rescue, Timeouts

RESCUABLE = values.Whole(400, 599)
"""Statuses that a rescue may replace: those that say that there is no answer (RFC 9110 §15.5, §15.6)."""

PARTS_OF_A_BODY = frozenset(("mirror_body", "request_buffer", "rescue_body"))
"""Bounds of what is kept of one request body; more than the whole is a mistake."""

TIMEOUTS: dict[str, Parser] = dict.fromkeys(Timeouts.__struct_fields__, values.duration)
LIMITS: dict[str, Parser] = {
    "body": values.size,
    "request_buffer": values.size_or_none,
    "rescue_body": values.size_or_none,
    "mirror_body": values.size,
    "mirror_inflight": values.Whole(1, 1_000_000),
    "inflight": values.Whole(1, 1_000_000),
    "connections": values.Whole(1, 1_000_000),
}


MIN_HEAD, MAX_HEAD = 1024, 1024**2
"""Bytes of a request head, below which browsers could not ask, and above which nobody needs one."""

MIN_TARGET = 256
"""Likewise of a target, which is at most as large as the head that it is in."""

PATIENT: dict[Protocol, Timeouts] = dict.fromkeys(("openai", "auto"), Timeouts(response=600.0, idle=600.0))
"""Times of protocols whose models may think for minutes before they answer, or between two tokens: as long as OpenAI's
own clients wait. A route whose protocol is not known yet may lead to one."""

CLIENT: dict[str, Parser] = {
    "keep_alive": values.duration,
    "head_timeout": values.duration,
    "body_timeout": values.duration,
    "linger": values.duration,
    "connection_age": values.duration,
    "handshake_timeout": values.duration,
    "handshakes": values.Whole(1, 1_000_000),
    "head": values.size,
    "target": values.size,
    "fields": values.Whole(8, 10_000),
    "deciding_body": values.size,
}


def read_client(root: Section) -> ClientBounds:
    """What clients may send, and how long they may take."""
    bounds = ClientBounds(**_taken(root, "client", CLIENT))
    for name, (low, high) in {"head": (MIN_HEAD, MAX_HEAD), "target": (MIN_TARGET, bounds.head)}.items():
        size = getattr(bounds, name)
        if not low <= size <= high:
            root.refuse(f"client.{name}", f"{size} bytes", f"{low} to {high} bytes")
    return bounds


def read_timeouts(route: Section, protocol: Protocol) -> Timeouts:
    """The times of a route, whose defaults are those of its protocol."""
    return replace(PATIENT.get(protocol, Timeouts()), **_taken(route, "timeouts", TIMEOUTS))


def read_rescue(route: Section, timeouts: Timeouts) -> Rescue | None:
    """When the primary answers in place of a canary; None: never."""
    value = route.choice("rescue", {"off": "off", "on": "on"})
    if not isinstance(value, Section):
        return None if value == "off" else Rescue()
    after = value.take("after", values.duration, 0.0, required=True)
    if after >= timeouts.response and "after" in value:
        value.refuse("after", f"{after:g}s", f"less than timeouts.response, which is {timeouts.response:g}s")
    on = value.values("on", RESCUABLE) if "on" in value else Rescue().on
    by: FirstByte = value.take("by", values.one_of(FirstByte), "head")
    value.finish()
    return Rescue(after, on, by)


def read_limits(route: Section) -> Limits:
    """The bounds of a route, those of parts of a body within that of the whole."""
    given = _taken(route, "limits", LIMITS)
    limits = Limits(**given)
    within = {name: min(getattr(limits, name), limits.body) for name in PARTS_OF_A_BODY}
    for name in PARTS_OF_A_BODY & given.keys():
        if given[name] > limits.body:
            route.refuse(f"limits.{name}", f"{given[name]} bytes", f"at most limits.body, {limits.body} bytes")
    return replace(limits, **within)


def _taken(section: Section, key: str, parsers: Mapping[str, Parser]) -> dict[str, Any]:
    inner = section.section(key)
    given = inner.fields(parsers)
    inner.finish()
    return given
