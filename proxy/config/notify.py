"""`notify`: where messages go, in which format, and which of them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from proxy.config import values
from proxy.config.section import Section
from proxy.config.tls import read_client_tls, refuse_beside_plain
from proxy.config.values import Refused, nearest
from proxy.contracts.messages import (
    BY_FILE,
    FORMATS,
    KUBERNETES,
    SERVICE_ACCOUNT,
    EventKind,
    EventObject,
    MessageFormat,
)
from proxy.contracts.notices import Severity
from proxy.contracts.operation import Hook, HookEvent
from proxy.contracts.tls import ClientTls

MAX_HOOKS = 16
"""Each message is sent to each of them."""

OPTIONAL = ("token", "key", "object")
"""Options that some formats have a use for."""

MAX_SHOWN = 10
"""Routes that a mistake names."""


def destination(text: str) -> str:
    """A `hook_url`, or the file that holds one: the path of a URL is often its password."""
    if text.startswith(BY_FILE):
        values.plain(text.removeprefix(BY_FILE))
        return text
    try:
        return values.hook_url(text)
    except Refused as refused:
        raise Refused(f"{refused.allowed}, or file:PATH", refused.found or "a URL that is not shown") from refused


def read_hooks(root: Section, routes: Iterable[str]) -> tuple[Hook, ...]:
    """`notify`: a list of destinations. `routes`: those of the file."""
    known = tuple(routes)
    hooks = tuple(_hook(item, known) for item in root.items("notify"))
    if len(hooks) > MAX_HOOKS:
        root.refuse("notify", f"{len(hooks)} destinations", f"at most {MAX_HOOKS}")
    names = [hook.name for hook in hooks if hook.name]
    if len({*names}) < len(names):
        root.refuse("notify", "the same name twice", "each name once")
    return hooks


def _hook(section: Section, routes: tuple[str, ...]) -> Hook:
    form: MessageFormat = section.take("format", values.one_of(MessageFormat), "penumbra")
    row = FORMATS[form]
    hook = Hook(
        url=section.take("url", destination, row.url),
        secret=section.take("secret", values.secret, ""),
        events=section.values("events", values.one_of(HookEvent)),
        tls=read_client_tls(section),
        format=form,
        name=section.take("name", values.name, ""),
        routes=section.values("routes", values.name),
        severity=section.take("severity", values.one_of(Severity), row.severity),
        token=section.take("token", values.secret, ""),
        key=section.take("key", values.secret, ""),
        object=_object(section),
    )
    if not hook.url and "url" not in section:
        section.refuse("url", "nothing", "this key is required: http(s)://host[:port][/path], or file:PATH")
    _refuse_unfit(section, form, routes)
    section.finish()
    refuse_beside_plain(section, "url", "https://…", values.is_secure(hook.url) or hook.url.startswith(BY_FILE))
    return _in_cluster(hook) if hook.url == KUBERNETES else hook


def _refuse_unfit(section: Section, form: MessageFormat, routes: tuple[str, ...]) -> None:
    """Reports what a format lacks or has no use for, and filters by routes that there are not."""
    row = FORMATS[form]
    for option in OPTIONAL:
        if option in row.needs and section.tree.get(option, "") in ("", None):
            section.refuse(option, "nothing", f"this key is required by format {form}")
        elif option in section and option not in row.takes:
            section.refuse(option, f"{option} beside format {form}", "nothing: that format has no use for it")
    given = section.tree.get("routes")
    for index, name in enumerate(given if isinstance(given, list) else ()):
        if isinstance(name, str) and name not in routes and not section.refused(f"routes[{index}]"):
            there = ", ".join(routes[:MAX_SHOWN]) or "there is none"
            section.refuse(f"routes[{index}]", repr(name), f"a route of this file: {there}{nearest(name, routes)}")


def _in_cluster(hook: Hook) -> Hook:
    """As a pod calls its API server: with its service account."""
    token, ca = f"{BY_FILE}{SERVICE_ACCOUNT}/token", f"{SERVICE_ACCOUNT}/ca.crt"
    return replace(hook, token=hook.token or token, tls=hook.tls or ClientTls(ca=ca))


def _object(owner: Section) -> EventObject | None:
    section = owner.section("object")
    if "object" not in owner:
        return None
    made = EventObject(
        kind=section.take("kind", values.one_of(EventKind), "Pod"),
        name=section.take("name", values.name, "", required=True),
        namespace=section.take("namespace", values.name, "", required=True),
        uid=section.take("uid", values.secret, ""),
    )
    section.finish()
    return made
