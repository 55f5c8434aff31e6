"""Kubernetes: an event of events.k8s.io/v1 about the pod or the InferenceService, for `kubectl events`."""

from __future__ import annotations

from typing import Any

from proxy.contracts.messages import EventObject
from proxy.control.messages.formats.call import Around, Call, cut, fit, in_json
from proxy.control.messages.message import Message, moment

MAX_NOTE = 1024
"""Bytes of a note that the API server takes."""

CONTROLLER = "penumbra/sidecar"
NOBODY = EventObject("Pod", "", "default")


def kubernetes(message: Message, around: Around) -> Call:
    """An event. Its name is that of the message, so that one that is sent twice is one."""
    about = around.object or NOBODY
    regarding = {
        "apiVersion": about.version,
        "kind": about.kind,
        "name": about.name,
        "namespace": about.namespace,
        **({"uid": about.uid} if about.uid else {}),
    }
    normal = message.severity == "info" or message.state in ("resolved", "acknowledged")
    event: dict[str, Any] = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"penumbra-{message.id}", "namespace": about.namespace},
        "eventTime": moment(message.at).replace("Z", "000Z"),
        "reportingController": CONTROLLER,
        "reportingInstance": cut(around.instance or about.name, 128),
        "action": _camel(message.state),
        "reason": cut(_camel(message.section), 128),
        "regarding": regarding,
        "note": fit(message.whole, MAX_NOTE),
        "type": "Normal" if normal else "Warning",
    }
    return Call(in_json(event), f"/apis/events.k8s.io/v1/namespaces/{about.namespace}/events")


def _camel(words: str) -> str:
    return "".join(part.capitalize() for part in words.replace("_", "-").split("-")) or "Told"
