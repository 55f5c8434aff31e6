"""The webhook of this program, and CloudEvents 1.0 by HTTP, structured and binary: the same document.

A change is what the audit holds of it, as webhooks have had it from the first; a warning has the same members, as far
as it has anything to say by them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.message import Message, moment

MAX_SUBJECT = 500
"""Characters of an attribute: it may be a field of HTTP, three times as long."""


def document(message: Message) -> dict[str, Any]:
    """The document of a message."""
    links = {name: link for name, link in (("page", message.link), ("runbook", message.runbook)) if link}
    more = {"severity": message.severity, "state": message.state, "matter": message.key, "id": message.id}
    told = message.document or {
        "event": message.event,
        "at": message.at,
        "route": message.routes[0] if message.routes else "",
        "action": message.state,
        "who": "penumbra",
        "why": message.text,
    }
    account = message.account
    whom = {"to_whom": account.to_whom, "touched": account.touched, "release": account.story}
    return {**told, **more, **whom, "title": message.title, "routes": list(message.routes), "links": links}


def webhook(message: Message, around: Around) -> Call:
    """JSON by POST."""
    return Call(in_json(document(message)), fields={"X-Penumbra-Event": message.event})


def _attributes(message: Message, around: Around) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": message.base or f"/penumbra/{quote(around.instance, errors='replace')}",
        "type": f"penumbra.{message.event}.{message.state}",
        "subject": cut(message.routes[0] if len(message.routes) == 1 else message.key, MAX_SUBJECT) or "penumbra",
        "time": moment(message.at),
    }


def structured(message: Message, around: Around) -> Call:
    """A CloudEvent as one JSON document."""
    event = {**_attributes(message, around), "datacontenttype": "application/json", "data": document(message)}
    return Call(in_json(event), media="application/cloudevents+json")


def binary(message: Message, around: Around) -> Call:
    """A CloudEvent whose attributes are fields; they are percent-encoded (HTTP Protocol Binding 1.0.2 §3.1.3.2)."""
    fields = {f"ce-{name}": _encoded(value) for name, value in _attributes(message, around).items()}
    return Call(in_json(document(message)), fields=fields)


def _encoded(value: str) -> str:
    return quote(
        value, errors="replace", safe="".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
    )
