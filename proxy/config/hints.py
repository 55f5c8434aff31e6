"""What a valid configuration says that is seldom meant. `check` and the log of the start tell it; it is not refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from proxy.config.contradictions import contradictions
from proxy.config.fleet import unmerged
from proxy.contracts.settings import Settings
from proxy.contracts.tls import ClientTls
from proxy.contracts.tls_roles import place_of, sections

PATTERN = re.compile(r"\*|\$$|/:[A-Za-z_]")
"""Globs, the end of a regular expression, and parameters of a path: characters like others in a prefix."""

NO_GLOB = re.compile(r"\$$|/:[A-Za-z_]")
"""The same where a path is a glob."""


def hints(settings: Settings) -> tuple[str, ...]:
    """Sentences, each with its place in the file."""
    told = (_patterns, _third_parties, _unverified, _unprobed, _unheard, contradictions, unmerged)
    return tuple(hint for each in told for hint in each(settings))


def _unverified(settings: Settings) -> Iterator[str]:
    """Servers that anybody may stand in for."""
    for role, tls in sections(settings).items():
        if isinstance(tls, ClientTls) and tls.insecure_skip_verify:
            yield (
                f"{place_of(role)}.insecure_skip_verify: whoever answers is believed, and can read and change all that "
                "is sent; ca verifies it, or san where its certificate has another name"
            )


def _unprobed(settings: Settings) -> Iterator[str]:
    """An admin API that probes do not get into."""
    if settings.admin.tls and settings.admin.tls.client == "require":
        yield (
            "admin.tls.client: require turns away who shows no certificate, probes of Kubernetes as well; optional, "
            "and roles with one of role read, lets them ask /healthz and /readyz alone"
        )


def _unheard(settings: Settings) -> Iterator[str]:
    """Routes of gRPC whose clients no listener speaks to."""
    calls = [route.name for route in settings.routes if route.calls]
    listeners = settings.listeners_tls or (None,)
    if calls and not any(tls is None or "h2" in tls.alpn for tls in listeners):
        yield f"tls.alpn: clients of gRPC ask for h2, so none can come to routes.{calls[0]}; [h2, http/1.1] takes both"


def _patterns(settings: Settings) -> Iterator[str]:
    for route in settings.routes:
        path = route.match.path
        if found := PATTERN.search(path):
            yield (
                f"routes.{route.name}.match.path: {path} is the beginning of paths, in which {found[0]!r} is itself; "
                f"{path[: found.start()] or '/'} takes all that begin so"
            )
        for index, path in enumerate(route.inference.paths if route.inference else ()):
            if found := NO_GLOB.search(path):
                yield (
                    f"routes.{route.name}.inference.paths[{index}]: {path} is a whole path, in which only * stands "
                    f"for anything: {found[0]!r} is itself; {path[: found.start()]}* takes all that begin so"
                )


PRIVATE = ("svc", "local", "internal", "intranet", "lan", "home", "corp", "private", "localhost", "test", "invalid")
"""Last labels of names that no public server has."""


def _third_parties(settings: Settings) -> Iterator[str]:
    """Candidates and shadows on other, public hosts that get what clients of the primary prove themselves with."""
    for route in settings.routes:
        own = settings.versions[route.primary].host
        for name in route.named:
            host = settings.versions[name].host
            if host != own and name not in settings.credentials and _is_public(host):
                yield (
                    f"versions.{name}: {host} gets the Authorization, Cookie and API keys of the clients of "
                    f"routes.{route.name}; authorization: none, or a credential of its own, keeps them here"
                )


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
        return len(labels) > 1 and labels[-1] not in PRIVATE and "svc" not in labels
