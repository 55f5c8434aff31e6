"""Routes of gRPC (`protocol: grpc`, `match.grpc`): what follows for their versions, and what cannot be on them.

A version speaks one version of HTTP, to all routes that name it: HTTP/2 where any of them is one of gRPC. `http` of the
version may say so, and may not contradict it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from proxy.config.section import Section
from proxy.config.values import Refused
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Protocol, Sticky, Version

READERS: tuple[Protocol, ...] = ("grpc", "oip", "auto", "opaque")
"""Protocols that calls of gRPC can be read by."""

GRPC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?:/[A-Za-z_][A-Za-z0-9_]*)?")
"""A service, and a method of it, as identifiers of protocol buffers."""

SPOKEN = (
    "2, or no http at all: an answer of REST does not become one of gRPC. The reverse does: a route of REST "
    "(protocol: oip) takes versions by grpc://"
)
"""What is allowed in place of HTTP/1.1 on a route of gRPC."""

BECOMING = "protocol: oip, whose requests become calls of gRPC for such a version, or a route of gRPC (protocol: grpc)"
"""What is allowed in place of another protocol, before a version by gRPC."""

KEYLESS = "header:<name>, a field of the call's metadata: the messages of gRPC are no JSON"
"""What is allowed in place of a sticky key in a body."""


def grpc_name(text: str) -> str:
    """A service of gRPC, or a service and a method, as they stand in the path of a call."""
    if not GRPC_NAME.fullmatch(text):
        raise Refused(
            "package.Service or package.Service/Method, such as inference.GRPCInferenceService/ModelInfer: no slash "
            "before it, no pattern"
        )
    return text


def has_no_key(calls: bool, sticky: Sticky | None) -> bool:
    """Whether a sticky key is looked for where calls of gRPC have none."""
    return calls and sticky is not None and sticky.source == "json"


def refuse_misplaced(section: Section, route: RouteSettings) -> None:
    """Reports what calls of gRPC never have, on a route that takes nothing else."""
    if not route.calls:
        return
    if route.protocol not in READERS and not section.refused("protocol"):
        section.refuse("protocol", f"{route.protocol} beside match.grpc", " | ".join(READERS))
    for key, methods in _methods(route):
        if methods and "POST" not in methods:
            section.refuse(key, f"{', '.join(methods)} on a route of gRPC", "POST, or nothing: each call is one")
    if route.group is None and has_no_key(route.calls, route.sticky):
        place = "sticky" if "sticky" in section else "canary.sticky"
        section.refuse(place, f"a key in the body of routes of gRPC: json:{_name(route)}", KEYLESS)


def _methods(route: RouteSettings) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "match.methods", route.match.methods
    if route.inference is not None:
        yield "inference.methods", route.inference.methods


def _name(route: RouteSettings) -> str:
    return route.sticky.name if route.sticky is not None else ""


def by_http2(root: Section, settings: Settings) -> dict[str, Version]:
    """The versions, those that take calls of gRPC by HTTP/2; reports those that are said to speak another one."""
    versions = dict(settings.versions)
    for name, route in _taking_calls(settings).items():
        if not _says(root, name):
            versions[name] = replace(versions[name], http=2)
        elif versions[name].http != 2 and not root.refused(f"versions.{name}.http"):
            root.refuse(f"versions.{name}.http", f"1 beside routes.{route}, a route of gRPC", SPOKEN)
    _refuse_unspoken(root, settings)
    return versions


def _refuse_unspoken(root: Section, settings: Settings) -> None:
    """Reports versions by gRPC on routes whose requests are no calls and become none."""
    for route in settings.routes:
        for name in route.named:
            version = settings.versions.get(name)
            if version is None or not version.grpc or route.calls or root.refused(f"versions.{name}.url"):
                continue
            if route.protocol != "oip":
                found = f"{version.url} beside protocol: {route.protocol} of routes.{route.name}"
                root.refuse(f"versions.{name}.url", found, BECOMING)
            rewrite = settings.rewrites.get(name)
            if rewrite is not None and (rewrite.query_set or rewrite.query_remove):
                root.refuse(f"versions.{name}.rewrite.query", f"a query for {version.url}", "headers: calls have none")


def _taking_calls(settings: Settings) -> dict[str, str]:
    """Version to the first route of gRPC that names it."""
    found: dict[str, str] = {}
    for route in settings.routes:
        for name in route.named if route.calls else ():
            if name in settings.versions:
                found.setdefault(name, route.name)
    return found


def _says(root: Section, version: str) -> bool:
    trees = root.tree.get("versions")
    tree = trees.get(version) if isinstance(trees, dict) else None
    return isinstance(tree, dict) and "http" in tree


def told(settings: Settings) -> Iterator[str]:
    """A line for each route of gRPC, for `check`: what it takes, and which versions are asked by HTTP/2 for it."""
    for route in settings.routes:
        if route.calls:
            takes = f"calls of {route.match.grpc}" if route.match.grpc else "calls of gRPC"
            yield f"route {route.name} takes {takes}; by HTTP/2: {', '.join(_shared(settings, route))}"


def _shared(settings: Settings, route: RouteSettings) -> Iterator[str]:
    for name in route.named:
        others = [other.name for other in settings.routes if name in other.named and not other.calls]
        yield f"{name} (for {', '.join(others)}, too)" if others else name
