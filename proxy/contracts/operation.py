"""Settings of operation: who may use the admin API, which webhooks hear of changes, what is captured."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from proxy.contracts.address import Address
from proxy.contracts.messages import EventObject, MessageFormat
from proxy.contracts.notices import Severity
from proxy.contracts.tls import ClientTls, ServerTls

AccessRole = Literal["read", "operate"]
HookEvent = Literal["start", "stage", "breach", "rollback", "promote", "identity", "change", "warning"]
"""What happened: a release began, a stage was passed, a limit was breached, traffic went back to the primary, a
candidate became primary, another model answers under a version; `change`: anything else that somebody did; `warning`:
a warning of a route (`contracts.notices`) began, or is over."""


class Token(Struct, frozen=True):
    """A caller of the admin API by name."""

    name: str
    token: str
    role: AccessRole
    """`read` may look; `operate` may look and change."""


class CertificateRole(Struct, frozen=True):
    """Callers of the admin API by the certificates that they show."""

    allow: tuple[str, ...]
    """Their names, as `allow` of a `ServerTls` has them."""
    role: AccessRole


class Admin(Struct, frozen=True):
    """The admin API. Without a token or certificate of role `operate` only loopback may change anything; without one of
    role `read` whoever reaches it may look."""

    listen: tuple[Address, ...] = (Address("127.0.0.1", 9900),)
    token: str = ""
    """An operate token without a name of its own."""
    tokens: tuple[Token, ...] = ()
    hosts: tuple[str, ...] = ()
    """Further names, in lower case, by which the API may be asked without a token."""
    tls: ServerTls | None = None
    """None: plain HTTP."""
    roles: tuple[CertificateRole, ...] = ()
    public_url: str = ""
    """Where people reach the status page, for links in messages; "": there are none."""


class Hook(Struct, frozen=True):
    """A destination of messages. `url`, `token` and `key` may be `file:PATH`, which is read for each call."""

    url: str
    secret: str = ""
    """Key of the signature (HMAC-SHA-256); "": calls are not signed."""
    events: tuple[HookEvent, ...] = ()
    """Events that are sent; (): all; of format `penumbra` all but warnings, which it did not have from the first."""
    tls: ClientTls | None = None
    """None: as the system says, where the URL is one of https."""
    format: MessageFormat = "penumbra"
    name: str = ""
    """In logs, metrics and the API."""
    routes: tuple[str, ...] = ()
    """Routes whose messages are sent; (): all. What is of the whole process is sent whatever it says."""
    severity: Severity = "info"
    """The least that is sent."""
    token: str = ""
    """A bearer token; "": none."""
    key: str = ""
    """Of an integration."""
    object: EventObject | None = None


class HistoryKept(Struct, frozen=True):
    """How much of the past control keeps."""

    seconds: float = 3600.0
    """Seconds for which each second is kept."""
    minutes: float = 7 * 24 * 3600.0
    """Seconds for which each minute is kept."""
    disk: int = 64 << 20
    """Bytes that its file may take."""


class Capture(Struct, frozen=True):
    """Records kept for a backtest."""

    percent: float
    """Part of the exchanges."""
    path: str
    max_bytes: int
    """Bytes of all files at `path` together."""
    bodies: bool = False
    """Whether bodies are kept; otherwise times, statuses and versions alone."""
    headers: tuple[str, ...] = ()
    """Header fields, and metadata of calls, that are kept with bodies beside those by which these are read."""
    at_least: int = 100
    """Exchanges of each stratum that are captured in a file, whatever `percent` says."""
    max_age: float = 0.0
    """Seconds for which a record is kept at most; 0: until there is no room."""
    redact: dict[str, str] = field(default_factory=dict)
    """What is done where a pointer leads (`payload.redaction.rules`), `drop` or `hash`, on all routes."""
    redact_key: str = ""
    """The key of hashes; "": another one for each process."""
