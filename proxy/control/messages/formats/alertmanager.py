"""Alertmanager: alerts by API v2. What lasts is sent again while it does; an alert that nobody sends again ends by
itself after `HELD_SECONDS`, so one whose sender is gone is not for ever."""

from __future__ import annotations

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.message import Message, moment

RESEND_SECONDS = 60.0
"""Seconds after which what lasts is sent again, as Prometheus does it."""
HELD_SECONDS = 4 * RESEND_SECONDS
"""Seconds for which an alert holds that is not sent again."""
MAX_TEXT = 4000
MAX_LABEL = 200
"""Characters of a label, as of the key of a matter."""


def alertmanager(message: Message, around: Around) -> Call:
    """One alert. Labels name the matter: they are the same for all that is said of it."""
    labels = {
        "alertname": "Penumbra" + "".join(part.capitalize() for part in message.section.replace("_", "-").split("-")),
        "severity": message.severity,
        "matter": message.dedup,
        "service": "penumbra",
    }
    texts = {
        "summary": message.title,
        "description": message.text,
        "routes": message.named,
        "to_whom": message.account.to_whom,
    }
    links = {"runbook_url": message.runbook, "dashboard_url": message.link}
    ends = message.at if message.state == "resolved" else around.now + HELD_SECONDS
    alert = {
        "labels": labels | ({"route": cut(message.routes[0], MAX_LABEL)} if len(message.routes) == 1 else {}),
        "annotations": {name: cut(value, MAX_TEXT) for name, value in (texts | links).items() if value},
        "startsAt": moment(message.since),
        "endsAt": moment(max(ends, message.since)),
    }
    return Call(in_json([alert | ({"generatorURL": message.link} if message.link else {})]), "/api/v2/alerts")
