"""Format to the function that makes its calls."""

from __future__ import annotations

from collections.abc import Callable

from proxy.contracts.messages import MessageFormat
from proxy.control.messages.formats.alertmanager import alertmanager
from proxy.control.messages.formats.call import Around, Call
from proxy.control.messages.formats.grafana import grafana
from proxy.control.messages.formats.kubernetes import kubernetes
from proxy.control.messages.formats.pagerduty import pagerduty
from proxy.control.messages.formats.plain_json import binary, structured, webhook
from proxy.control.messages.formats.slack import slack
from proxy.control.messages.formats.teams import teams
from proxy.control.messages.message import Message

Write = Callable[[Message, Around], Call]

WRITE: dict[MessageFormat, Write] = {
    "penumbra": webhook,
    "slack": slack,
    "teams": teams,
    "pagerduty": pagerduty,
    "alertmanager": alertmanager,
    "cloudevents": structured,
    "cloudevents-binary": binary,
    "grafana": grafana,
    "kubernetes": kubernetes,
}
"""Every format of `contracts.messages.FORMATS`."""
