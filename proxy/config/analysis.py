"""The section about how the bodies of a route are understood and compared."""

from __future__ import annotations

from typing import Any

from proxy.config import values
from proxy.config.section import Section
from proxy.config.tls import read_client_tls, refuse_beside_plain
from proxy.config.values import Parser
from proxy.contracts.comparers import COMPARERS, Judge, OutputRule, RowsOf, TextComparer
from proxy.contracts.identity import Identity, in_bodies
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol

_FIELDS: dict[str, Parser] = {
    "tolerance": values.fraction,
    "absolute_tolerance": values.Number(0, 1e15),
    "text": values.one_of(TextComparer),
    "text_edits": values.fraction,
    "rows": values.one_of(RowsOf),
    "reference": values.Whole(100, 10_000_000),
    "wait": values.span,
    "profile": values.readable,
}
_POINTERS: dict[str, Parser] = {"features": values.pointer, "prediction": values.pointer}
_OUTPUT: dict[str, Parser] = {
    "comparer": values.OneOf(COMPARERS),
    "tolerance": values.fraction,
    "absolute_tolerance": values.Number(0, 1e15),
    "unordered": values.truth,
}
_JUDGE: dict[str, Parser] = {
    "sample": values.percent,
    "budget": values.Whole(1, 100_000),
    "agree": values.fraction,
    "token": values.secret,
}
_LISTS: dict[str, Parser] = {"redact": values.pointer, "detectors": values.plain, "ignore": values.selection}
EXAMPLE_PARTS = ("/request", "/primary", "/candidate")


def read_analysis(route: Section, protocol: Protocol) -> Analysis:
    """`analysis` of a route; pointers into bodies are for protocol `json`, the others know where to look."""
    section = route.section("analysis")
    given: dict[str, Any] = section.fields(_FIELDS) | section.fields(_POINTERS)
    for key, parse in _LISTS.items():
        if key in section:
            given[key] = section.values(key, parse)
    if outputs := {name: _read_output(each) for name, each in section.entries("outputs", values.glob)}:
        given["outputs"] = outputs
    judge = section.section("judge")
    if "judge" in section:
        given["judge"] = _read_judge(judge)
    section.finish()
    for key in _POINTERS:
        if key in section and protocol != "json":
            section.refuse(key, f"a pointer with protocol {protocol}", "pointers with protocol json only")
    for pointer in given.get("redact", ()):
        if not pointer.startswith(EXAMPLE_PARTS):
            section.refuse("redact", repr(pointer), " | ".join(f"{part}/…" for part in EXAMPLE_PARTS))
    return Analysis(**given, identity=_identity(route, protocol))


def _read_judge(section: Section) -> Judge:
    url = section.take("url", values.hook_url, "", required=True)
    given: dict[str, Any] = section.fields(_JUDGE)
    tls = read_client_tls(section)
    section.finish()
    refuse_beside_plain(section, "url", "https://…", values.is_secure(url))
    return Judge(url, **given, tls=tls)


def _read_output(section: Section) -> OutputRule:
    given: dict[str, Any] = section.fields(_OUTPUT)
    section.finish()
    return OutputRule(**given)


def _identity(route: Section, protocol: Protocol) -> Identity:
    """`identity` of a route. A pointer into bodies that are not read is refused, and so is what a change shall lead to
    where nothing tells of one."""
    identity: Identity = route.take("identity", values.identity, Identity())
    if identity.source == "json" and protocol == "opaque":
        route.refuse("identity", "a pointer with protocol opaque", "what the answers say: header:<name> | none")
    told = identity.source == "header" or in_bodies(identity, protocol)
    if not (told or route.refused("identity") or route.refused("protocol")):
        _refuse_deaf(route)
    return identity


def _refuse_deaf(route: Section) -> None:
    release = route.tree.get("release")
    for place, holder in (("", route.tree), ("release.", release if isinstance(release, dict) else {})):
        if holder.get("on_identity_change", "restart") in ("rollback", "pause"):
            allowed = "what the answers say, such as identity: header:<name> beside it"
            route.refuse(f"{place}on_identity_change", "an identity that is not watched", allowed)
