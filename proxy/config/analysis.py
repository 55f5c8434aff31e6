"""The section about how the bodies of a route are understood and compared."""

from __future__ import annotations

from typing import Any

from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol

_FIELDS: dict[str, Parser] = {
    "tolerance": values.fraction,
    "reference": values.Whole(100, 10_000_000),
    "wait": values.span,
    "profile": values.readable,
}
_POINTERS: dict[str, Parser] = {"features": values.pointer, "prediction": values.pointer}
EXAMPLE_PARTS = ("/request", "/primary", "/candidate")


def read_analysis(route: Section, protocol: Protocol) -> Analysis:
    """`analysis` of a route; pointers into bodies are for protocol `json`, the others know where to look."""
    section = route.section("analysis")
    given: dict[str, Any] = section.fields(_FIELDS) | section.fields(_POINTERS)
    for key in ("redact", "detectors"):
        if key in section:
            given[key] = section.values(key, values.pointer if key == "redact" else values.plain)
    section.finish()
    for key in _POINTERS:
        if key in section and protocol != "json":
            section.refuse(key, f"a pointer with protocol {protocol}", "pointers with protocol json only")
    for pointer in given.get("redact", ()):
        if not pointer.startswith(EXAMPLE_PARTS):
            section.refuse("redact", repr(pointer), " | ".join(f"{part}/…" for part in EXAMPLE_PARTS))
    return Analysis(**given)
