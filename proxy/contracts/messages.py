"""What destinations of messages are told, and in which formats."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from proxy.contracts.notices import Severity

MessageFormat = Literal[
    "penumbra",
    "slack",
    "teams",
    "pagerduty",
    "alertmanager",
    "cloudevents",
    "cloudevents-binary",
    "grafana",
    "kubernetes",
]
"""Who reads the messages of a destination."""

MessageState = Literal["told", "firing", "acknowledged", "resolved"]
"""`told`: something that happened, and is over with that; of a matter that lasts: it began (or goes on), somebody has
acted on it, it is over."""


class Account(Struct, frozen=True):
    """What is told of a change beside the change."""

    story: str = ""
    """Name of the release that it is of, which is the address of its story; "": none is known."""
    to_whom: str = ""
    """Whom it happened to, in whole sentences; "": it happens to nobody."""
    touched: dict[str, Any] = {}
    """Route to the counts behind that, as a story has them."""


NO_ACCOUNT = Account()


class FormatRow(Struct, frozen=True):
    """A format, as the configuration's reader needs it."""

    severity: Severity
    """The least severity that is sent where the configuration says none."""
    url: str = ""
    """Where to POST where the configuration says nothing; "": it has to."""
    path: str = ""
    """What is added to the URL; "": the URL is the whole address."""
    needs: tuple[str, ...] = ()
    """Further options that it cannot do without."""
    takes: tuple[str, ...] = ()
    """Further options that it has a use for."""
    every: bool = False
    """Whether a program reads it, which hears of each change of a matter; people hear of the matter once."""
    tracks: bool = False
    """Whether the receiver knows a matter by its key: it is told of what lasts, what was done about it, and its end."""
    forgets: bool = False
    """Whether the receiver takes a matter for over that it does not hear of again: it hears of it again and again."""


KUBERNETES = "https://kubernetes.default.svc"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod has the token and the authority of its service account."""

FORMATS: dict[MessageFormat, FormatRow] = {
    "penumbra": FormatRow("info", takes=("token",), every=True),
    "slack": FormatRow("info"),
    "teams": FormatRow("info"),
    "pagerduty": FormatRow(
        "critical", url="https://events.pagerduty.com/v2/enqueue", needs=("key",), takes=("key",), tracks=True
    ),
    "alertmanager": FormatRow("warning", path="/api/v2/alerts", takes=("token",), tracks=True, forgets=True),
    "cloudevents": FormatRow("info", takes=("token",), every=True),
    "cloudevents-binary": FormatRow("info", takes=("token",), every=True),
    "grafana": FormatRow("info", path="/api/annotations", needs=("token",), takes=("token",)),
    "kubernetes": FormatRow("info", url=KUBERNETES, needs=("object",), takes=("token", "object")),
}
"""Every format."""


EventKind = Literal["Pod", "InferenceService"]

BY_FILE = "file:"
"""What begins a value that stands in a file."""


class EventObject(Struct, frozen=True):
    """The object of Kubernetes that events are about."""

    kind: EventKind
    name: str
    namespace: str
    uid: str = ""
    """Without it `kubectl describe` does not show the events; `kubectl events` does."""

    @property
    def version(self) -> str:
        """The API of its kind."""
        return {"Pod": "v1", "InferenceService": "serving.kserve.io/v1beta1"}[self.kind]
