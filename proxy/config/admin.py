"""The sections about operation: who may use the admin API, what is captured, logged and traced."""

from __future__ import annotations

from importlib.util import find_spec

from proxy.config import values
from proxy.config.section import Section
from proxy.config.tls import read_admin_tls, read_client_tls, refuse_beside_plain
from proxy.contracts.field_rules import REQUEST_SPECIAL, spelled
from proxy.contracts.journal import AccessLog, Tracing
from proxy.contracts.operation import AccessRole, Admin, Capture, HistoryKept, Token
from proxy.http2.hpack_writer import SECRET
from proxy.payload.redaction.rules import Action

MAX_HOSTS = 64
"""Each request is looked up among them."""

AT_LEAST = 100
"""`capture.at_least` where `percent` is not 0."""

MIN_SECONDS_KEPT = 600.0
"""`history.seconds` at least: an end of this process must not come between a minute and its seconds."""

MIN_HISTORY_BYTES = 1 << 20
"""`history.disk` at least."""

KEYS = frozenset(
    (
        *(b"api-key", b"x-api-key", b"x-goog-api-key", b"x-auth-token", b"x-access-token", b"x-amz-security-token"),
        *(b"www-authenticate", b"proxy-authenticate", b"x-forwarded-client-cert"),
    )
)
"""Fields that servers take credentials from, beside the standard's, or tell of them in."""

UNKEPT = REQUEST_SPECIAL | spelled(SECRET | KEYS)
"""Fields that a capture may not keep: credentials, and what is written anew for each connection."""

OTEL_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
"""Modules of the extra `otel`."""


def read_admin(section: Section) -> Admin:
    """`admin`: where it listens and who may use it."""
    given = section.fields({"token": values.secret, "public_url": values.hook_url})
    listen = section.one_or_more("listen", values.address) or Admin().listen
    tokens = tuple(_token(item) for item in section.items("tokens"))
    for kind in ("name", "token"):
        if len({getattr(token, kind) for token in tokens}) < len(tokens):
            section.refuse("tokens", f"the same {kind} twice", f"each {kind} once")
    hosts = section.values("hosts", values.host_name)
    if len(hosts) > MAX_HOSTS:
        section.refuse("hosts", f"{len(hosts)} names", f"at most {MAX_HOSTS}")
    tls, roles = read_admin_tls(section)
    section.finish()
    return Admin(listen, tokens=tokens, hosts=hosts, tls=tls, roles=roles, **given)


def _token(section: Section) -> Token:
    name = section.take("name", values.name, "", required=True)
    role: AccessRole = section.take("role", values.one_of(AccessRole), "read", required=True)
    secret = section.take("token", values.secret, "", required=True)
    if "token" in section and not secret:
        section.refuse("token", "an empty token", "at least one character; leave the entry out to have none")
    section.finish()
    return Token(name, secret, role)


def read_capture(root: Section) -> Capture | None:
    """`capture`: records kept for `penumbra backtest`; None when there is none."""
    section = root.section("capture")
    if "capture" not in root:
        return None
    percent = section.take("percent", values.percent, 0.0, required=True)
    capture = Capture(
        percent=percent,
        path=section.take("path", values.plain, "", required=True),
        max_bytes=section.take("max_bytes", values.size, 0, required=True),
        bodies=section.take("bodies", values.truth, False),
        headers=section.values("headers", values.header_name),
        at_least=section.take("at_least", values.Whole(0, 1_000_000), AT_LEAST if percent else 0),
        max_age=section.take("max_age", values.span, 0.0),
        redact=section.pairs("redact", values.redaction, values.one_of(Action)),
        redact_key=section.take("redact_key", values.secret, ""),
    )
    for name in capture.headers:
        if name.encode() in UNKEPT:
            section.refuse(f"headers.{name}", name, "a field that is no credential, and not of one connection")
    if capture.headers and not capture.bodies:
        section.refuse("headers", "bodies: false", "bodies: true beside it, without which no header fields are kept")
    for pointer, action in capture.redact.items():
        if action == "hash" and pointer.count("/") == 1:
            section.refuse(f"redact.{pointer}", "hash of a whole part", "drop")
    section.finish()
    return capture


def read_history(root: Section) -> HistoryKept | None:
    """`history`: how much of the past is kept; None: nothing is."""
    section = root.choice("history", {"off": None, "on": HistoryKept()})
    if not isinstance(section, Section):
        return section if "history" in root else HistoryKept()
    kept = HistoryKept(**section.fields({"seconds": values.span, "minutes": values.span, "disk": values.size}))
    if kept.seconds < MIN_SECONDS_KEPT:
        section.refuse("seconds", f"{kept.seconds:g}s", f"at least {MIN_SECONDS_KEPT:g}s: minutes are made of them")
    if kept.minutes < kept.seconds and not section.refused("minutes"):
        section.refuse("minutes", f"{kept.minutes:g}s", f"at least history.seconds, which is {kept.seconds:g}s")
    if kept.disk < MIN_HISTORY_BYTES:
        section.refuse("disk", f"{kept.disk} bytes", f"at least {MIN_HISTORY_BYTES >> 20}MiB")
    section.finish()
    return kept


def read_anchor(section: Section) -> str:
    """`audit.anchor`: the second file that knows the end of the audit chain."""
    anchor: str = section.take("anchor", values.plain, "")
    section.finish()
    return anchor


def read_access_log(root: Section) -> AccessLog | None:
    """`access_log`: a line for some of the exchanges; None when there is none."""
    section = root.section("access_log")
    if "access_log" not in root:
        return None
    given = section.fields({"percent": values.percent, "errors": values.truth})
    section.finish()
    return AccessLog(**given)


def read_tracing(root: Section) -> Tracing | None:
    """`tracing`: spans for some of the exchanges; None when there are none."""
    section = root.section("tracing")
    if "tracing" not in root:
        return None
    tracing = Tracing(
        endpoint=section.take("endpoint", values.hook_url, "", required=True),
        percent=section.take("percent", values.percent, Tracing("").percent),
        tls=read_client_tls(section),
    )
    section.finish()
    refuse_beside_plain(section, "endpoint", "https://…", values.is_secure(tracing.endpoint))
    if not all(map(_installed, OTEL_MODULES)):
        root.refuse("tracing", "tracing without OpenTelemetry", "tracing where penumbra[otel] is installed")
    return tracing


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
